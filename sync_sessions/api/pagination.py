from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

#: Rows that can be paged through, and are counted at most: beyond it a count costs more than the page.
DEPTH = 100_000


class BoundedPaginator(Paginator):
    @cached_property
    def count(self) -> int:
        """The number of rows, DEPTH at most."""
        rows: Any = self.object_list
        return rows.order_by()[:DEPTH].count()


class Pages(PageNumberPagination):
    """`page` and `page_size` (20, at most 200)."""

    django_paginator_class = BoundedPaginator
    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_page_size(self, request: Request) -> int:
        raw = request.query_params.get(self.page_size_query_param)
        if raw is None:
            return self.page_size or 20
        if not raw.isascii() or not raw.isdigit() or len(raw) > 9 or not 1 <= int(raw) <= self.max_page_size:
            text = _("page_size must be a whole number from 1 to %(most)d.") % {"most": self.max_page_size}
            raise ValidationError({self.page_size_query_param: [text]}, code="invalid_page_size")
        return int(raw)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        raw = request.query_params.get(self.page_query_param, "1")
        if not raw.isascii() or not raw.isdigit() or len(raw) > 9 or int(raw) < 1:
            text = _("page must be a whole number from 1 on.")
            raise ValidationError({self.page_query_param: [text]}, code="invalid_page")
        return super().paginate_queryset(queryset, request, view)

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

#: Rows that can be paged through: far more than anybody reads, few enough to count them for every page.
DEPTH = 20_000


class BoundedPaginator(Paginator):
    @cached_property
    def count(self) -> int:
        """The number of rows; DEPTH + 1 stands for any number above DEPTH.

        So the last page that can be had has a next one, which says why it cannot: an end there would be a lie.
        """
        rows: Any = self.object_list
        return self.countable(rows)[: DEPTH + 1].count()

    def countable(self, rows: Any) -> Any:
        """The rows as they are cheapest to count."""
        return rows.order_by()


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

    def get_page_number(self, request: Request, paginator: Any) -> int:
        raw = request.query_params.get(self.page_query_param, "1")
        if not raw.isascii() or not raw.isdigit() or len(raw) > 9 or int(raw) < 1:
            text = _("page must be a whole number from 1 on.")
            raise ValidationError({self.page_query_param: [text]}, code="invalid_page")
        number, last = int(raw), paginator.num_pages
        none = _("There is no page %(page)d: the last one is %(last)d.") % {"page": number, "last": last}
        if number * paginator.per_page > DEPTH and (number > last or paginator.count > DEPTH):
            # Only of a list that is longer are pages missing.
            deep = _("Pages end after %(most)d rows: narrow the filters, or export the list if it can be exported.")
            text = deep % {"most": DEPTH} if paginator.count > DEPTH else none
            raise ValidationError({self.page_query_param: [text]}, code="page_too_deep")
        if number > last:
            raise NotFound(none)
        return number

    def get_paginated_response_schema(self, schema: Any) -> Any:
        paginated = super().get_paginated_response_schema(schema)
        paginated["properties"]["count"] |= {
            "minimum": 0,
            "maximum": DEPTH + 1,
            "description": f"The number of rows; {DEPTH + 1} stands for more than {DEPTH}.",
        }
        return paginated

    def get_schema_operation_parameters(self, view: Any) -> Any:
        limits = {
            self.page_query_param: {"minimum": 1, "default": 1},
            self.page_size_query_param: {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size},
        }
        parameters = super().get_schema_operation_parameters(view)
        for one in parameters:
            one["schema"] |= limits[one["name"]]
        return parameters

from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from sync_sessions.common.api.pagination import DEPTH, BoundedPaginator, Pages

from .filters import BY_INSTANCE


class RowPaginator(BoundedPaginator):
    """Counts in an order: PostgreSQL then takes the index that has it; in none it may read the whole table."""

    def __init__(self, *args: Any, counted_by: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.counted_by = counted_by

    def countable(self, rows: Any) -> Any:
        return rows.order_by(self.counted_by).values(self.counted_by.removeprefix("-"))

    def page(self, number: int | str) -> Any:
        rows: Any = self.object_list
        if self.count > DEPTH and rows.query.order_by[0] not in ("period_start", "-period_start"):
            text = _(
                "More than %(most)d rows are too many to sort by a size or a change for a page: narrow the filters, "
                "to a period_type and period_start for instance, or export the list."
            )
            raise ValidationError({"ordering": [text % {"most": DEPTH}]}, code="too_many_to_sort")
        return super().page(number)


class RowPages(Pages):
    django_paginator_class: Any = RowPaginator

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        asked = {name for name in view.filterset_class.base_filters if request.query_params.get(name)}
        # Some instances and nothing else are counted one instance after the other, so that a rare engine does not
        # have the rows of all others passed over.
        counted_by = "instance_id" if asked and asked <= set(BY_INSTANCE) else "-period_start"
        self.django_paginator_class = partial(RowPaginator, counted_by=counted_by)
        return super().paginate_queryset(queryset, request, view)

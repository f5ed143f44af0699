"""Lists over tables of millions of rows: they count no further than a bound, and say so."""

from typing import Any

from django.http import HttpRequest

from sync_sessions.admin import cells
from sync_sessions.common.api import pagination

from .base import ListedFilters, ModelAdmin


class Pages(pagination.BoundedPaginator):
    template_name = "admin/sync_sessions/bounded_pagination.html"

    @property
    def more_than(self) -> str:
        """The number of rows at which counting stopped, "" if it did not."""
        return cells.whole(pagination.DEPTH) if self.count > pagination.DEPTH else ""


class BoundedChangeList(ListedFilters):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # Nobody counts them all, so the theme need not tell that number from the one that is shown.
        self.full_result_count = self.result_count


class Bounded(ModelAdmin):
    paginator = Pages
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ListedFilters]:
        return BoundedChangeList

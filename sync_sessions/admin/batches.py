"""Sessions that were started together, such as those of a catch-up: one line of the list, which leads to all."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Case, Count, Q, QuerySet, When
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from sync_sessions.choices import SessionStatus
from sync_sessions.common.admin.base import ListedFilters
from sync_sessions.models import SyncSession

PARAMETER = "batch"


class BatchFilter(admin.SimpleListFilter):
    """Named by a line of the list alone: those of one task or command."""

    title = gettext_lazy("started together")
    parameter_name = PARAMETER

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get(PARAMETER)
        return [(asked, asked)] if asked else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[SyncSession]) -> QuerySet[SyncSession]:
        return queryset.filter(task_id=self.value()) if self.value() else queryset

    def not_known(self) -> list[str]:
        return []  # any text is looked for

    def choices(self, changelist: Any) -> Iterator[Any]:
        # Not the others: there are as many as tasks.
        yield from list(super().choices(changelist))[1:]


class SessionChangeList(ListedFilters):
    """The newest session stands for those started with it, until something is looked for."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[SyncSession]:
        found: QuerySet[SyncSession] = super().get_queryset(request, exclude_parameters)
        asks = self.query or self.get_filters_params()
        return found if asks else found.newest_of_batch()  # type: ignore[attr-defined]

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[SyncSession]) -> Any:
        if PARAMETER in request.GET and not self.params.get("o"):
            return [Case(When(status=SessionStatus.FAILED, then=0), default=1), "-pk"]
        return super().get_ordering(request, queryset)

    def get_results(self, request: HttpRequest) -> None:
        """Each row that stands for others has them as `batch`: how many more, and how many of them failed."""
        super().get_results(request)
        # The theme would tell the lines from the sessions behind them.
        self.full_result_count = self.result_count
        rows = list(self.result_list)
        grouped = not (self.query or self.get_filters_params())
        tasks = {row.task_id for row in rows if row.task_id} if grouped else set()
        counted = SyncSession.objects.filter(task_id__in=tasks).order_by().values_list("task_id")
        failed = Count("pk", filter=Q(status=SessionStatus.FAILED))
        counts = {task: (n - 1, bad) for task, n, bad in counted.annotate(n=Count("pk"), bad=failed)} if tasks else {}
        for row in rows:
            row.batch = counts.get(row.task_id, (0, 0))
        self.result_list = rows

"""Filters of the lists of samples and rows."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RadioFilter

from capacity.periods import PERIOD_CONFIG, PERIODS


class PeriodTypeFilter(RadioFilter):
    """One kind of period at a time, daily at first: rows of a month and of a day are not compared, and the
    newest of one kind are read from the unique index, where those of all kinds would have to be sorted.

    All kinds when days that are missing are asked for and no kind is: a day is never made from fewer.
    """

    title = _("period type")
    parameter_name = "period_type__exact"
    all_option = None

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.default = None if request.GET.get(CoverageFilter.parameter_name) == CoverageFilter.LOW else PERIODS[0]
        super().__init__(request, *args)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(config.key, config.label) for config in PERIOD_CONFIG]

    def value(self) -> str | None:
        asked = super().value()
        return asked if asked in PERIODS else self.default

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(period_type=chosen) if chosen else queryset


class CoverageFilter(RadioFilter):
    title = _("coverage")
    parameter_name = "coverage"
    LOW = "low"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(self.LOW, _("Days are missing"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        return queryset.with_days_missing() if self.value() == self.LOW else queryset

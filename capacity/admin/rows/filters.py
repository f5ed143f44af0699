"""Filters of the lists of samples and rows."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RadioFilter

from capacity.periods import PERIOD_CONFIG, PERIODS, Period, period_config, today
from sync_sessions.common.admin.filters import DayRangeFilter

#: How many periods are offered, by the months that one has.
LISTED = {0: 60, 1: 36, 3: 16}


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


class PeriodFilter(DropdownFilter):
    """One period of the chosen kind, so that its rows can be sorted by size or change."""

    title = _("period")
    parameter_name = "period"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        asked = request.GET.get(PeriodTypeFilter.parameter_name)
        self.type = asked if asked in PERIODS else PERIODS[0]
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        periods = [Period.containing(self.type, today())]
        while len(periods) < LISTED[period_config(self.type).months]:
            periods.append(periods[-1].previous())
        return [(str(one.start), period_name(one)) for one in periods]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(period_start=self.value()) if self.value() in dict(self.lookup_choices) else queryset


def period_name(period: Period) -> str:
    """ "October 2026" for a month, else its days."""
    if period_config(period.type).months == 1:
        return date_format(period.start, "YEAR_MONTH_FORMAT")
    return " – ".join(dict.fromkeys(date_format(day) for day in (period.start, period.end)))


class CoverageFilter(RadioFilter):
    title = _("coverage")
    parameter_name = "coverage"
    LOW = "low"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(self.LOW, _("Days are missing"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        return queryset.with_days_missing() if self.value() == self.LOW else queryset


class FirstDayFilter(DayRangeFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("periods that begin")

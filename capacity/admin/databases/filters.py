from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RangeNumericFilter

from capacity.insight.outlook import DATABASES
from capacity.models import ForecastState
from capacity.periods import today


class PresenceFilter(DropdownFilter):
    """Those that are there, if nothing else is asked for: the names of what was dropped years ago are in no way."""

    title = _("there, new or gone")
    parameter_name = "presence"
    all_option = None
    HERE = "here"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            (self.HERE, _("There now")),
            ("new-7", _("Appeared in the last 7 days")),
            ("new-30", _("Appeared in the last 30 days")),
            ("gone-7", _("Vanished in the last 7 days")),
            ("gone-30", _("Vanished in the last 30 days")),
            ("gone", _("Vanished")),
            ("all", _("All, of inactive instances as well")),
        ]

    def value(self) -> str:
        asked = super().value()
        return asked if asked in dict(self.lookup_choices) else self.HERE

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        what, _dash, days = self.value().partition("-")
        since = today() - timedelta(days=int(days)) if days else None
        if what == "new" and since:
            return queryset.appeared(since)
        if what == "gone":
            return queryset.vanished(since)
        return queryset if what == "all" else queryset.present()


class OutlookFilter(DropdownFilter):
    title = _("forecast")
    parameter_name = "forecast"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return ForecastState.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ForecastState.values:
            return queryset
        return queryset.filter(DATABASES.has_forecast(state=self.value()))


class PercentFilter(RangeNumericFilter):
    """From and to, in percent: shrank by more than 20 is to -20. What is no number is left out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wrong = [name for name, value in self.used_parameters.items() if not _is_percent(value)]
        self._not_known = [str(value) for value in map(self.used_parameters.pop, wrong) if value]

    def not_known(self) -> list[str]:
        return self._not_known


def _is_percent(text: Any) -> bool:
    try:
        number = Decimal(text)
    except (InvalidOperation, TypeError, ValueError):
        return False
    return number.is_finite() and abs(number) < 10**12


class WeekFilter(PercentFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("change in a week, percent (shrank by over 20: to -20)")


class MonthFilter(PercentFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("change in a month, percent (shrank by over 20: to -20)")

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.contrib.filters.admin import RangeDateFilter


class DayRangeFilter(RangeDateFilter):
    """Whole days of the product's time zone, both included.

    Of moments or of dates: to a date Django compares the day of a midnight. The theme's own filter ends at the
    midnight before the last day, and does not know the dates of every language.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if first := self._day("from"):
            queryset = queryset.filter(**{f"{self.field_path}__gte": midnight(first)})
        if last := self._day("to"):
            queryset = queryset.filter(**{f"{self.field_path}__lt": midnight(last + timedelta(days=1))})
        return queryset

    def _day(self, end: str) -> date | None:
        """As the reader's language writes it; None for what is no day."""
        written = self.used_parameters.get(f"{self.field_path}_{end}")
        try:
            day = forms.DateField(required=False).clean(written)
        except forms.ValidationError:
            return None
        return day if day and 2 <= day.year <= 9998 else None


def midnight(day: date) -> datetime:
    """At which that day begins in the product's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


class StartedFilter(DayRangeFilter):
    """Called as the list's column, which shows when a session began, or was created while it waits for that."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("started at")

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import MultipleDropdownFilter, RangeDateFilter

from sync_sessions.common.tags import PARAMETER, instances_of, of_tagged


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


class TagFilter(MultipleDropdownFilter):
    """Rows of the instances that have one of the chosen tags. Not there while there are no tags."""

    title = gettext_lazy("tag")
    parameter_name = PARAMETER
    all_option = None  # nothing chosen says so

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.tags = instances_of(model)._meta.get_field("tags").related_model
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        names = self.tags._default_manager.order_by(Lower("name"), "name").values_list("name", flat=True)
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or []
        # To count the rows of each, Django puts them there one by one.
        return of_tagged(queryset, [chosen] if isinstance(chosen, str) else [name for name in chosen if name])

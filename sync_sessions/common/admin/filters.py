from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.admin import ChoicesFieldListFilter, RelatedFieldListFilter, SimpleListFilter
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import MultipleDropdownFilter, RangeDateFilter

from sync_sessions.common.tags import PARAMETER, asked_tags, instances_of, of_tagged, unknown_tags_text

MOST_SHOWN = 60  #: characters of what an address asks


def complaints(spec: Any) -> Iterator[str]:
    """A sentence for each value of a filter in the address of a list that the filter does not know.

    A filter may have `not_known` itself; else it knows what can be chosen. Those of a column, and that of tags, look
    for any value: of one that they do not know there are no rows.
    """
    if isinstance(spec, TagFilter):
        if unknown := spec.unknown():
            yield unknown_tags_text(unknown)
        return
    text = _('The filter "%(title)s" does not know "%(value)s", which is left out.')
    if hasattr(spec, "not_known"):
        values = spec.not_known()
    elif isinstance(spec, SimpleListFilter):
        asked = spec.used_parameters.get(str(spec.parameter_name))
        values = [asked] if asked and asked not in {str(value) for value, _label in spec.lookup_choices} else []
    elif isinstance(spec, ChoicesFieldListFilter | RelatedFieldListFilter):
        text = _('The filter "%(title)s" does not know "%(value)s": no row is of it.')
        values = _of_no_row(spec.field, [value for value in spec.lookup_val or () if value])
    else:
        values = []
    for value in values:
        yield text % {"title": spec.title, "value": Truncator(value).chars(MOST_SHOWN)}


def _of_no_row(column: Any, asked: list[str]) -> list[str]:
    """Those that are none of the column's choices, or the key of none of the rows that it refers to: a query."""
    if not column.is_relation:
        return [value for value in asked if value not in {str(choice) for choice, _label in column.flatchoices}]
    rows, key = column.related_model._default_manager.all(), column.related_model._meta.pk.to_python
    found = set(rows.filter(pk__in=asked).values_list("pk", flat=True)) if asked else set()
    return [value for value in asked if key(value) not in found]


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

    def not_known(self) -> list[str]:
        written = {end: self.used_parameters.get(f"{self.field_path}_{end}") for end in ("from", "to")}
        return [text for end, text in written.items() if text and self._day(end) is None]

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

    title = gettext_lazy("tag (any of those chosen)")
    parameter_name = PARAMETER
    all_option = None  # nothing chosen says so

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.tags = instances_of(model)._meta.get_field("tags").related_model
        super().__init__(request, params, model, model_admin)

    def has_output(self) -> bool:
        """There as well while an address asks for a tag, or the list would be that of all instances."""
        return super().has_output() or bool(self._asked())

    def unknown(self) -> set[str]:
        """The tags that are asked for and that no instance has."""
        asked = set(self._asked())
        having = self.tags._default_manager.filter(name__in=asked, instances__isnull=False)
        return asked.difference(having.values_list("name", flat=True)) if asked else asked

    def _asked(self) -> list[str]:
        return asked_tags(self.request.GET)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        names = self.tags._default_manager.order_by(Lower("name"), "name").values_list("name", flat=True)
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or []
        # To count the rows of each, Django puts them there one by one.
        return of_tagged(queryset, [chosen] if isinstance(chosen, str) else [name for name in chosen if name])

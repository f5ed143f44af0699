"""The filters of the period rows: written so that an index serves each of them."""

from datetime import date
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters.fields import ChoiceField
from drf_spectacular.utils import extend_schema_field

from capacity.api.filters import DatabaseFilter
from capacity.models import DbType, Instance, TrendDirection
from capacity.periods import PERIODS, Period, PeriodType
from sync_sessions.common.api.filters import AnyOfFilter, DayFilter, InstancesFilter, TagFilter

#: The most days that a period has: the third quarter's.
LONGEST = max(Period.containing(type, date(2024, 7, 1)).days for type in PERIODS)

#: The filters that say whose rows, and those that say of when.
BY_INSTANCE = ("instance", "instance_name", "db_type", "tag")
PERIOD_RANGES = ("period_start_after", "period_start_before", "period_end_after", "period_end_before")


class NotBlank:
    """A parameter that is there says something; a blank one would else be taken for one that is not there."""

    def clean(self, value: Any) -> Any:
        if value == "":
            raise forms.ValidationError(_("Give a value, or leave the parameter out."), "blank")
        return super().clean(value)  # type: ignore[misc]


class WordField(NotBlank, ChoiceField):
    pass


class WholeNumberField(NotBlank, forms.IntegerField):
    pass


class WordFilter(django_filters.ChoiceFilter):
    field_class = WordField


@extend_schema_field(
    {"type": "integer", "minimum": 0, "maximum": LONGEST, "description": "days with a sample, at least this many"}
)
class DayCountFilter(django_filters.Filter):
    field_class = WholeNumberField

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, min_value=0, max_value=LONGEST, **options)


class PeriodRowFilters(django_filters.FilterSet):
    """What both levels are filtered by; the ranges include their ends."""

    instance = InstancesFilter("instance_id")
    instance_name = django_filters.CharFilter(max_length=255, label="name of an instance", method="by_instance_name")
    db_type = AnyOfFilter(choices=DbType.choices, label="engines", method="by_db_type")
    tag = TagFilter()
    period_type = WordFilter("period_type", choices=PeriodType.choices, label="kind of period")
    period_start = DayFilter("period_start", label="first day of the period")
    period_start_after = DayFilter("period_start", "gte", label="first day of the period: this one or later")
    period_start_before = DayFilter("period_start", "lte", label="first day of the period: this one or earlier")
    period_end_after = DayFilter(label="last day of the period: this one or later", method="by_end_after")
    period_end_before = DayFilter(label="last day of the period: this one or earlier", method="by_end_before")
    min_covered_days = DayCountFilter("covered_days", "gte")

    def of_period(self) -> QuerySet[Any]:
        """The rows within the asked days, whatever else is asked for. Call it when the filters are valid."""
        rows = self.queryset.all()
        for name in PERIOD_RANGES:
            if (value := self.form.cleaned_data[name]) is not None:
                rows = self.filters[name].filter(rows, value)
        return rows

    def by_instance_name(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return _of(rows, Instance.objects.filter(name=value))

    def by_db_type(self, rows: QuerySet[Any], name: str, value: list[str]) -> QuerySet[Any]:
        return _of(rows, Instance.objects.filter(db_type__in=value)) if value else rows

    def by_end_after(self, rows: QuerySet[Any], name: str, value: date) -> QuerySet[Any]:
        # The first day is in the indexes; it lies less than a period before the last one.
        earliest = date.fromordinal(max(value.toordinal() - LONGEST + 1, 1))
        return rows.filter(period_end__gte=value, period_start__gte=earliest)

    def by_end_before(self, rows: QuerySet[Any], name: str, value: date) -> QuerySet[Any]:
        return rows.filter(period_end__lte=value, period_start__lte=value)


class DatabaseRowFilters(PeriodRowFilters):
    database_name = DatabaseFilter()


class InstanceRowFilters(PeriodRowFilters):
    trend_direction = WordFilter("trend_direction", choices=TrendDirection.choices, label="trend")


def _of(rows: QuerySet[Any], instances: QuerySet[Instance]) -> QuerySet[Any]:
    # Keys and not a join: the database then knows how many instances there are, none at all too, and takes the
    # index that fits.
    return rows.filter(instance_id__in=list(instances.order_by().values_list("pk", flat=True)))

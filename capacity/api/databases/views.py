from datetime import date
from typing import Any

import django_filters
from django import forms
from drf_spectacular.utils import extend_schema_field
from rest_framework.mixins import ListModelMixin

from capacity.api.filters import DatabaseFilter
from capacity.api.states import DatabaseStateSerializer, orderings
from capacity.insight.outlook import DATABASES, outlooks
from capacity.models import DatabaseState, DbType, ForecastState
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.filters import AnyOfFilter, DayFilter, InstancesFilter, TagFilter
from sync_sessions.common.api.permissions import model_permissions

HERE, GONE = "here", "gone"
PRESENCE = [(HERE, "here"), (GONE, "gone")]


class PercentField(forms.DecimalField):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=14, decimal_places=2, **options)


@extend_schema_field({"type": "number", "minimum": -(10**12) + 1, "maximum": 10**12 - 1})
class PercentFilter(django_filters.Filter):
    """In percent; shrank by 20 or more is max_..._percent=-20."""

    field_class = PercentField


class DatabaseFilters(django_filters.FilterSet):
    instance = InstancesFilter("instance_id")
    db_type = AnyOfFilter("instance__db_type", choices=DbType.choices, label="engines")
    tag = TagFilter()
    database_name = DatabaseFilter()
    state = AnyOfFilter(choices=ForecastState.choices, label="states of the forecast", method="by_state")
    presence = django_filters.ChoiceFilter(choices=PRESENCE, label="whether it is there", method="by_presence")
    appeared_after = DayFilter(label="new on its instance on this day or later", method="by_appearing")
    vanished_after = DayFilter(label="gone from its instance with its last day on this one or later", method="by_end")
    min_week_change_percent = PercentFilter("week_change_percent", "gte")
    max_week_change_percent = PercentFilter("week_change_percent", "lte")
    min_month_change_percent = PercentFilter("month_change_percent", "gte")
    max_month_change_percent = PercentFilter("month_change_percent", "lte")

    def by_state(self, rows: Any, name: str, value: list[str]) -> Any:
        return rows.filter(DATABASES.has_forecast(state__in=value)) if value else rows

    def by_presence(self, rows: Any, name: str, value: str) -> Any:
        return rows.present() if value == HERE else rows.vanished()

    def by_appearing(self, rows: Any, name: str, value: date) -> Any:
        return rows.appeared(value)

    def by_end(self, rows: Any, name: str, value: date) -> Any:
        return rows.vanished(value)


class DatabaseViewSet(ListModelMixin, BaseViewSet):
    """How large every database is now and how it has grown, by the instance and the name if not ordered otherwise.

    A change is that of the last day against the day 7 or 30 days before it, or up to 3 days earlier; null without
    one. Rows without a value come last.
    """

    queryset = DatabaseState.objects.select_related("instance")
    serializer_class = DatabaseStateSerializer
    filterset_class = DatabaseFilters
    ordering = ("instance_id", "database_name")
    ordering_fields = {"name": "database_name", **orderings(DATABASES)}
    required_permissions = model_permissions("capacity.databasesizestat", "list")

    def paginate_queryset(self, queryset: Any) -> Any:
        """With limits and forecasts of the rows of this page alone."""
        rows: Any = super().paginate_queryset(queryset)
        found = outlooks(DATABASES.level, [(row.instance_id, row.database_name) for row in rows])
        for row in rows:
            row.outlook = found[row.instance_id, row.database_name]
        return rows

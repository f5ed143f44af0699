"""Samples and period rows: to look at, as they are written by ingest and roll-up alone."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from capacity.models import DatabaseSizeAggregation, DatabaseSizeStat, InstanceSizeAggregation, InstanceSizeStat
from capacity.units import format_bytes, format_percent


class RowAdmin(ModelAdmin):
    list_select_related = ["instance"]
    list_filter = ["instance__db_type"]
    search_fields = ["instance__name"]
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # As the list shows them: sizes for people.
        return self.list_display

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.list_display

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def size_column(name: str, model: type[Model]) -> Any:
    """A column that shows bytes for people, titled and sorted as the field."""
    field = model._meta.get_field(name)

    @admin.display(description=field.verbose_name, ordering=name)  # type: ignore[union-attr]
    def column(row: Any) -> str:
        value = getattr(row, name)
        return "–" if value is None else format_bytes(value, sign="change" in name)

    return column


def percent_column(name: str, model: type[Model]) -> Any:
    field = model._meta.get_field(name)

    @admin.display(description=field.verbose_name, ordering=name)  # type: ignore[union-attr]
    def column(row: Any) -> str:
        return format_percent(getattr(row, name))

    return column


@admin.register(DatabaseSizeStat)
class DatabaseSizeStatAdmin(RowAdmin):
    list_display = ["instance", "database_name", "collected_at", size_column("size_bytes", DatabaseSizeStat)]
    date_hierarchy = "collected_on"
    search_fields = ["instance__name", "database_name"]


@admin.register(InstanceSizeStat)
class InstanceSizeStatAdmin(RowAdmin):
    list_display = ["instance", "collected_on", size_column("total_size_bytes", InstanceSizeStat), "database_count"]
    date_hierarchy = "collected_on"


class PeriodRowAdmin(RowAdmin):
    list_filter = ["period_type", "instance__db_type"]
    date_hierarchy = "period_start"


@admin.register(DatabaseSizeAggregation)
class DatabaseSizeAggregationAdmin(PeriodRowAdmin):
    list_display = [
        "instance",
        "database_name",
        "period_type",
        "period_start",
        "period_end",
        size_column("avg_size_bytes", DatabaseSizeAggregation),
        size_column("size_change_bytes", DatabaseSizeAggregation),
        percent_column("size_change_percent", DatabaseSizeAggregation),
        "covered_days",
    ]
    search_fields = ["instance__name", "database_name"]


@admin.register(InstanceSizeAggregation)
class InstanceSizeAggregationAdmin(PeriodRowAdmin):
    list_display = [
        "instance",
        "period_type",
        "period_start",
        "period_end",
        size_column("avg_total_size_bytes", InstanceSizeAggregation),
        size_column("total_size_change_bytes", InstanceSizeAggregation),
        percent_column("total_size_change_percent", InstanceSizeAggregation),
        "trend_direction",
        "max_database_count",
        "covered_days",
    ]

"""Samples and period rows: to look at, as they are written by ingest and roll-up alone."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from capacity.admin.charts import line
from capacity.admin.exporting import Exports
from capacity.models import DatabaseSizeAggregation, DatabaseSizeStat, InstanceSizeAggregation, InstanceSizeStat
from sync_sessions.common.admin.bounded import Bounded, of_instances_named
from sync_sessions.common.admin.filters import DayRangeFilter, TagFilter
from sync_sessions.common.admin.read_only import ReadOnly

from .columns import change_column, change_percent_column, coverage, database, period, size_column
from .filters import CoverageFilter, FirstDayFilter, PeriodFilter, PeriodTypeFilter

ENGINE = ("instance__db_type", ChoicesDropdownFilter)
INSTANCE = ("instance", AutocompleteSelectFilter)
CHOSEN_INSTANCE = "instance__id__exact"  #: the parameter of that filter
SIZES = ("size_bytes", "data_size_bytes", "log_size_bytes")


class RowAdmin(ReadOnly, Exports, Bounded):
    """A list over millions of rows: it counts no further than a bound, and its order is that of an index."""

    list_select_related = ["instance"]
    list_filter: Any = [ENGINE, INSTANCE, TagFilter]
    list_filter_submit = True
    list_per_page = 50
    search_fields = ["instance__name"]
    show_facets = admin.ShowFacets.NEVER  # each count would read the whole table
    change_list_template = "admin/capacity/rows_change_list.html"
    none_yet: Any = gettext_lazy("No sample yet: collect from the instances, or push samples by API or CSV.")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Anything that the list searches, within a chosen instance; over all of them, the names of instances alone.

        Among the names of databases all rows would have to be read.
        """
        if not search_term or request.GET.get(CHOSEN_INSTANCE):
            return super().get_search_results(request, queryset, search_term)
        if "database_name" in self.search_fields:
            text = _("Found by the names of instances. To search for a database, choose its instance in the filter.")
            self.message_user(request, text, messages.INFO)
        return of_instances_named(queryset, search_term), False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for _title, options in self.get_fieldsets(request, obj) for name in options["fields"]]


@admin.register(DatabaseSizeStat)
class DatabaseSizeStatAdmin(RowAdmin):
    list_display = [
        "instance",
        database,
        "collected_at",
        *(size_column(name, DatabaseSizeStat) for name in SIZES),
    ]
    list_filter = [("collected_on", DayRangeFilter), ENGINE, INSTANCE, TagFilter]
    search_fields = ["instance__name", "database_name"]
    fields = [*list_display, "collected_on"]
    ordering = ["-id"]  # the last that came in: no index leads with the time


@admin.register(InstanceSizeStat)
class InstanceSizeStatAdmin(RowAdmin):
    list_display = [
        "instance",
        "collected_on",
        size_column("total_size_bytes", InstanceSizeStat),
        "database_count",
        "carried_databases",
        "collected_at",
    ]
    list_filter = [("collected_on", DayRangeFilter), ENGINE, INSTANCE, TagFilter]
    fields = [*list_display, "updated_at"]
    ordering = ["-collected_on", "instance"]


class PeriodRowAdmin(RowAdmin):
    list_filter = [
        PeriodTypeFilter,
        PeriodFilter,
        ("period_start", FirstDayFilter),
        ENGINE,
        INSTANCE,
        TagFilter,
        CoverageFilter,
    ]
    change_form_before_template = "admin/capacity/row_history.html"
    list_before_template = "capacity/rows/note.html"
    average: str  #: the column that the chart of a row's page shows
    none_yet = gettext_lazy(
        "No row of this period type yet: a schedule computes them from samples, and so do the actions of the list of "
        "instances."
    )
    same: tuple[str, ...] = ("instance_id", "period_type")  #: what a row has in common with those of its history

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        if row := kwargs.get("obj"):
            context["history"] = self._history(row)
        return super().render_change_form(request, context, *args, **kwargs)

    def _history(self, row: Any) -> dict[str, Any]:
        """The chart of the averages of the 60 periods up to this one. One query."""
        same = {name: getattr(row, name) for name in self.same}
        rows = self.model._default_manager.filter(period_start__lte=row.period_start, **same)
        return line(list(rows.order_by("-period_start").values_list("period_start", self.average)[:60])[::-1])


def measures(model: Any, sizes: tuple[str, ...], changes: tuple[str, ...]) -> list[Any]:
    """The lines of a row's page for its measures: average, smallest and largest of each, then the changes."""
    lines = [size_column(f"{figure}_{name}", model) for name in sizes for figure in ("avg", "min", "max")]
    for name in changes:
        lines += [change_column(f"{name}_bytes", model), change_percent_column(f"{name}_percent", model)]
    return lines


@admin.register(DatabaseSizeAggregation)
class DatabaseSizeAggregationAdmin(PeriodRowAdmin):
    list_display = [
        "instance",
        database,
        period,
        size_column("avg_size_bytes", DatabaseSizeAggregation),
        change_column("size_change_bytes", DatabaseSizeAggregation),
        change_percent_column("size_change_percent", DatabaseSizeAggregation, gettext_lazy("in percent")),
        coverage,
    ]
    search_fields = ["instance__name", "database_name"]
    ordering = ["-period_start", "instance", "database_name"]
    average = "avg_size_bytes"
    same = ("instance_id", "period_type", "database_name")
    fieldsets = [
        (None, {"fields": ["instance", database, "period_type", period, coverage, "sample_count"]}),
        (
            gettext_lazy("Sizes"),
            {
                "fields": measures(
                    DatabaseSizeAggregation, SIZES, ("size_change", "data_size_change", "log_size_change")
                )
            },
        ),
        (gettext_lazy("Computed"), {"fields": ["calculated_at", "created_at"]}),
    ]


@admin.register(InstanceSizeAggregation)
class InstanceSizeAggregationAdmin(PeriodRowAdmin):
    list_display = [
        "instance",
        period,
        size_column("avg_total_size_bytes", InstanceSizeAggregation),
        change_column("total_size_change_bytes", InstanceSizeAggregation),
        change_percent_column("total_size_change_percent", InstanceSizeAggregation, gettext_lazy("in percent")),
        "trend_direction",
        "max_database_count",
        coverage,
    ]
    list_filter = [*PeriodRowAdmin.list_filter, ("trend_direction", ChoicesDropdownFilter)]
    ordering = ["-period_start", "instance"]
    average = "avg_total_size_bytes"
    fieldsets = [
        (None, {"fields": ["instance", "period_type", period, coverage, "sample_count", "trend_direction"]}),
        (
            gettext_lazy("Sizes"),
            {"fields": measures(InstanceSizeAggregation, ("total_size_bytes",), ("total_size_change",))},
        ),
        (
            gettext_lazy("Databases"),
            {
                "fields": [
                    "avg_database_count",
                    "min_database_count",
                    "max_database_count",
                    "database_count_change",
                    change_percent_column("database_count_change_percent", InstanceSizeAggregation),
                ]
            },
        ),
        (gettext_lazy("Computed"), {"fields": ["calculated_at", "created_at"]}),
    ]

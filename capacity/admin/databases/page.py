"""The page of a database: its size, where it goes, what happened; also when it is gone."""

from datetime import date, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capacity.admin.alerts.shown import open_alerts
from capacity.admin.cells import change_cell, changed_cell, sample_cell, size_cell
from capacity.admin.limit_action import SetsLimits
from capacity.admin.sizes import overview
from capacity.admin.sizes.compare import compare, compare_targets
from capacity.admin.sizes.report import report
from capacity.collection.tables import growth, newest
from capacity.insight.growth import MONTH, WEEK, days_until
from capacity.insight.history import MOST_SERIES, Line, read_points
from capacity.insight.series import Target
from capacity.models import DatabaseDayStat, DatabaseSizeAggregation, DatabaseState, Instance
from capacity.periods import PeriodType, today
from capacity.units import format_bytes, format_percent
from sync_sessions.common.words import days_text

from .listing import DatabaseList

GONE = timedelta(days=3)  #: without a sample, while its instance has them
ROWS_SHOWN = 12
TABLES_SHOWN = 10


@admin.register(DatabaseState)
class DatabaseAdmin(SetsLimits, DatabaseList):
    fields = ["first_day", "last_day", "last_sample_at"]
    change_form_outer_before_template = "capacity/databases/page.html"
    actions = ["compare_chosen", "set_limit"]
    limit_names = ("instance__name", "database_name")
    limit_size = "last_size_bytes"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("compare/", view(self.compare), name="capacity_compare"),
            path("report/", view(self.report), name="capacity_report"),
            path("of/<int:instance_id>/", view(self.named), name="capacity_databasestate_named"),
            *super().get_urls(),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see samples may see what is derived from them."""
        return request.user.has_perm("capacity.view_databasesizestat")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def named(self, request: HttpRequest, instance_id: int) -> HttpResponse:
        """To the page of the database `?name=` of that instance; else to the instance's, with the reason."""
        name = request.GET.get("name", "").replace("\x00", "")
        # By the key: of that, Django knows which numbers no row can have.
        found = DatabaseState.objects.filter(instance__pk=instance_id, database_name=name).first()
        if found:
            return redirect("admin:capacity_databasestate_change", found.pk)
        text = _("The database %(name)s has no samples any more.")
        self.message_user(request, text % {"name": name}, messages.WARNING)
        return redirect("admin:capacity_instance_change", instance_id)

    def compare(self, request: HttpRequest) -> HttpResponse:
        return compare(self, request)

    @admin.action(description=gettext_lazy("Compare"), permissions=["view"])
    def compare_chosen(self, request: HttpRequest, queryset: QuerySet[DatabaseState]) -> HttpResponse | None:
        targets = queryset.values_list("instance_id", "database_name")[: MOST_SERIES + 1]
        return compare_targets(self, request, list(targets))

    def limit_targets(self, rows: QuerySet[DatabaseState]) -> list[Target]:
        return list(rows.values_list("instance_id", "database_name"))

    def report(self, request: HttpRequest) -> HttpResponse:
        return report(self, request)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        if (state := kwargs.get("obj")) and request.method == "GET":
            context |= {"page": page(state, request), "title": f"{state.database_name} · {state.instance.name}"}
        return super().render_change_form(request, context, *args, **kwargs)


def page(state: DatabaseState, request: HttpRequest) -> dict[str, Any]:
    """For the template."""
    instance, day = state.instance, today()
    found = overview.of(Line(instance, state.database_name), state, request, day)
    days = days_until(day, overview.COVERAGE_DAYS)
    target = (instance.pk, state.database_name)
    sizes = {point.day: point.size for point in read_points([target], days[0], day)[target]}
    last = DatabaseDayStat.objects.get(
        instance=instance, database_name=state.database_name, collected_on=state.last_day
    )
    return {
        **found,
        "instance": instance,
        "alerts": open_alerts(request, instance.pk, state.database_name),
        "size": size_cell(state.last_size_bytes),
        "week": change_cell(state, WEEK),
        "month": change_cell(state, MONTH),
        "year": changed_cell(state, found["before_year"], overview.YEAR),
        "sample": sample_cell(state, timezone.now(), None),
        "data": None if last.last_data_size_bytes is None else format_bytes(last.last_data_size_bytes),
        "log": None if last.last_log_size_bytes is None else format_bytes(last.last_log_size_bytes),
        "gone_since": _gone_since(state, instance),
        "coverage": overview.coverage(sizes, day),
        "rows": _rows(state),
        "rows_query": overview.query({"instance__id__exact": instance.pk, "q": state.database_name}),
        "records": overview.records(instance, request),
        "tables": _tables(state),
        "tables_url": _tables_url(state, request),
    }


def _gone_since(state: DatabaseState, instance: Instance) -> date | None:
    """The last day of its instance, when the database has been missing on it and before."""
    whole = getattr(instance, "state", None)
    return whole.last_day if whole and whole.last_day - state.last_day >= GONE else None


def _tables(state: DatabaseState) -> dict[str, Any] | None:
    """The largest tables of the newest snapshot; None when nobody took one. One query."""
    now, before = [*newest(state.instance, state.database_name), None, None][:2]
    if now is None:
        return None
    rows = [row for row in growth(now, before) if row.table][:TABLES_SHOWN]
    return {
        "taken_at": now.taken_at,
        "rows": [
            {
                "name": row.table,
                "size": format_bytes(row.size_bytes),
                "grew": "" if row.grew_bytes is None else format_bytes(row.grew_bytes, sign=True),
            }
            for row in rows
        ],
    }


def _tables_url(state: DatabaseState, request: HttpRequest) -> str:
    """Where they are measured; blank where they cannot be, or not by this user."""
    if not (state.instance.host and request.user.has_perm("capacity.trigger_aggregation")):
        return ""
    address = reverse("admin:capacity_instance_largest_tables", args=[state.instance_id])
    return f"{address}?{overview.query({'database': state.database_name})}"


def _rows(state: DatabaseState) -> list[dict[str, Any]]:
    """Its months, the newest first. One query."""
    rows = DatabaseSizeAggregation.objects.filter(
        instance=state.instance_id, database_name=state.database_name, period_type=PeriodType.MONTHLY
    )
    return [
        {
            "pk": row.pk,
            "period": days_text(row.period_start, row.period_end),
            "size": format_bytes(row.avg_size_bytes),
            "change": "–" if row.size_change_bytes is None else format_bytes(row.size_change_bytes, sign=True),
            "percent": format_percent(row.size_change_percent),
            "covered": row.covered_days,
            "days": (row.period_end - row.period_start).days + 1,
        }
        for row in rows.order_by("-period_start")[:ROWS_SHOWN]
    ]

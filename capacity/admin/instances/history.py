"""What the page of an instance tells of its past: a fixed number of queries, however long that is."""

from datetime import date
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import ngettext

from capacity.admin import charts
from capacity.admin.alerts.shown import open_alerts
from capacity.admin.cells import change_cell, changed_cell, sample_cell, size_cell, state_of
from capacity.admin.sizes import overview
from capacity.insight.growth import MONTH, WEEK, carried_names, daily_sizes, days_until
from capacity.insight.history import Line
from capacity.models import DatabaseState, Instance, InstanceState
from capacity.periods import today
from capacity.units import format_bytes
from sync_sessions.common.words import listed

DATABASES_SHOWN = 100
NAMES_SHOWN = 10


def of(instance: Any, request: HttpRequest) -> dict[str, Any]:
    """For the template."""
    day, state = today(), state_of(instance)
    days = days_until(day, overview.COVERAGE_DAYS)
    databases = _databases(state)
    largest = [one["name"] for one in databases[: len(charts.COLORS)]]
    by_month = request.GET.get("chart") == "months"
    return {
        "alerts": open_alerts(request, instance.pk),
        "size": size_cell(state.last_size_bytes if state else None),
        "databases_count": state and state.last_database_count,
        "carried": _carried(state),
        "week": change_cell(state, WEEK),
        "month": change_cell(state, MONTH),
        "sample": sample_cell(state, timezone.now(), instance.created_at if instance.is_active else None),
        "coverage": overview.coverage(daily_sizes([instance.pk], days[0], day).get(instance.pk, {}), day),
        "page": state and _overview(instance, state, request, day),
        "by_month": by_month,
        "chart": (charts.by_month if by_month else charts.by_day)(instance, largest, day),
        "databases": databases[:DATABASES_SHOWN],
        "databases_left": len(databases[DATABASES_SHOWN:]),
        "last_day": state and state.last_day,
        "records": overview.records(instance, request),
    }


def _overview(instance: Instance, state: InstanceState, request: HttpRequest, day: date) -> dict[str, Any]:
    found = overview.of(Line(instance, ""), state, request, day)
    return found | {"year": changed_cell(state, found["before_year"], overview.YEAR)}


def _databases(state: InstanceState | None) -> list[dict[str, Any]]:
    """Those with a sample on the latest day, the largest first. One query at most."""
    if state is None:
        return []
    rows = DatabaseState.objects.filter(instance=state.instance_id, last_day=state.last_day)
    return [
        {
            "pk": row.pk,
            "name": row.database_name,
            "size": format_bytes(row.last_size_bytes),
            "week": change_cell(row, WEEK),
            "month": change_cell(row, MONTH),
        }
        for row in rows.order_by("-last_size_bytes", "database_name")
    ]


def _carried(state: InstanceState | None) -> str:
    """Which databases count in the latest day with an older size, as they could not be sized; blank if none does."""
    names = [] if state is None else carried_names(state.instance_id, state.last_day)
    if state is None or not names:
        return ""
    text = ngettext(
        "%(carried)d of %(count)d databases with its last known size: %(names)s.",
        "%(carried)d of %(count)d databases with their last known sizes: %(names)s.",
        len(names),
    )
    shown = listed(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
    return text % {"carried": len(names), "count": state.last_database_count, "names": shown}

"""What the page of an instance tells of its past: a fixed number of queries, however long that is."""

from datetime import date
from typing import Any

from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capacity.admin import charts
from capacity.admin.cells import change_cell, sample_cell, size_cell, state_of
from capacity.admin.runs import may_see_sessions, session_url
from capacity.insight.growth import MONTH, WEEK, carried_names, daily_sizes, days_until
from capacity.models import DatabaseState, Instance, InstanceState
from capacity.periods import today
from capacity.units import format_bytes
from sync_sessions.admin import cells as log
from sync_sessions.admin.page import run_name
from sync_sessions.common.words import listed, told
from sync_sessions.models import SyncInstanceRecord

COVERAGE_DAYS = 30
DATABASES_SHOWN = 100
RECORDS_SHOWN = 10
NAMES_SHOWN = 10


def of(instance: Any, request: HttpRequest) -> dict[str, Any]:
    """For the template."""
    day, state = today(), state_of(instance)
    databases = _databases(state)
    largest = [one["name"] for one in databases[: len(charts.COLORS)]]
    by_month = request.GET.get("chart") == "months"
    return {
        "size": size_cell(state.last_size_bytes if state else None),
        "databases_count": state and state.last_database_count,
        "carried": _carried(state),
        "week": change_cell(state, WEEK),
        "month": change_cell(state, MONTH),
        "sample": sample_cell(state, timezone.now(), instance.created_at if instance.is_active else None),
        "coverage": _coverage(instance, day),
        "by_month": by_month,
        "chart": (charts.by_month if by_month else charts.by_day)(instance, largest, day),
        "databases": databases[:DATABASES_SHOWN],
        "databases_left": len(databases[DATABASES_SHOWN:]),
        "last_day": state and state.last_day,
        "records": _records(instance, request),
    }


def _coverage(instance: Instance, last: date) -> dict[str, Any]:
    """A mark per day, and the same in words."""
    days = days_until(last, COVERAGE_DAYS)
    sizes = daily_sizes([instance.pk], days[0], days[-1]).get(instance.pk, {})
    missing = [formats.date_format(day) for day in days if day not in sizes]
    covered = len(days) - len(missing)
    text = ngettext(
        "%(covered)d of the last %(days)d days has a sample.",
        "%(covered)d of the last %(days)d days have a sample.",
        covered,
    )
    return {
        "marks": [_mark(day, sizes.get(day)) for day in days],
        "text": text % {"covered": covered, "days": len(days)},
        "missing": listed(missing) if covered else "",
    }


def _mark(day: date, size: int | None) -> dict[str, str]:
    said = _("no sample") if size is None else format_bytes(size)
    return {
        "tooltip": told(formats.date_format(day), said),
        "color": "bg-red-400 dark:bg-red-600" if size is None else "bg-green-500",
    }


def _databases(state: InstanceState | None) -> list[dict[str, Any]]:
    """Those with a sample on the latest day, the largest first. One query at most."""
    if state is None:
        return []
    rows = DatabaseState.objects.filter(instance=state.instance_id, last_day=state.last_day)
    return [
        {
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


def _records(instance: Instance, request: HttpRequest) -> list[dict[str, Any]]:
    """The newest first, each with a link to its session for those who may see it."""
    rows = SyncInstanceRecord.objects.filter(instance=instance).select_related("session").order_by("-id")
    linked = may_see_sessions(request)
    return [
        {
            "badge": log.badge(row),
            "run": run_name(row.session),
            "at": log.moment(row.completed_at or row.started_at or row.created_at),
            "reason": log.reason(row),
            "url": session_url(row.session) if linked else "",
        }
        for row in rows.defer("sync_details")[:RECORDS_SHOWN]
    ]

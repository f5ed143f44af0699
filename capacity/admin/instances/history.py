"""What the page of an instance tells of its past: a fixed number of queries, however long that is."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capacity.admin import charts
from capacity.admin.cells import change_cell, sample_cell, size_cell
from capacity.admin.runs import may_see_sessions, session_url
from capacity.insight.growth import MONTH, SLACK, WEEK, daily_sizes, days_until
from capacity.models import DatabaseSizeStat, Instance
from capacity.periods import today
from capacity.units import format_bytes
from sync_sessions.admin import cells as log
from sync_sessions.admin.page import run_name
from sync_sessions.common.words import listed, told
from sync_sessions.models import SyncInstanceRecord

COVERAGE_DAYS = 30
DATABASES_SHOWN = 100
RECORDS_SHOWN = 10


def of(instance: Any, request: HttpRequest) -> dict[str, Any]:
    """What the template shows; `instance` has the annotations of `with_growth`."""
    day = today()
    databases = _databases(instance)
    largest = [one["name"] for one in databases[: len(charts.COLORS)]]
    by_month = request.GET.get("chart") == "months"
    return {
        "size": size_cell(instance.last_bytes),
        "databases_count": instance.last_databases,
        "week": change_cell(instance.last_bytes, instance.week_ago_bytes, WEEK),
        "month": change_cell(instance.last_bytes, instance.month_ago_bytes, MONTH),
        "sample": sample_cell(
            instance.last_sample_at, timezone.now(), instance.created_at if instance.is_active else None
        ),
        "coverage": _coverage(instance, day),
        "by_month": by_month,
        "chart": (charts.by_month if by_month else charts.by_day)(instance, largest, day),
        "databases": databases[:DATABASES_SHOWN],
        "databases_left": len(databases[DATABASES_SHOWN:]),
        "last_day": instance.last_day,
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


def _databases(instance: Any) -> list[dict[str, Any]]:
    """Those with a sample on the latest day, the largest first. Two queries at most."""
    if instance.last_day is None:
        return []
    # The days that the instance's own changes are made from, so that the lines add up to them.
    spans = {span: _day_before(instance, span) for span in (WEEK, MONTH)}
    days = [instance.last_day, *filter(None, spans.values())]
    rows = DatabaseSizeStat.objects.filter(instance=instance, collected_on__in=days).order_by("collected_at")
    sizes: defaultdict[Any, dict[str, int]] = defaultdict(dict)
    for name, day, size in rows.values_list("database_name", "collected_on", "size_bytes"):
        sizes[day][name] = size
    latest = sizes[instance.last_day]
    return [
        {
            "name": name,
            "size": format_bytes(size),
            **{
                key: change_cell(size, sizes[spans[span]].get(name), span)
                for key, span in (("week", WEEK), ("month", MONTH))
            },
        }
        for name, size in sorted(latest.items(), key=lambda one: (-one[1], one[0]))
    ]


def _day_before(instance: Any, span: timedelta) -> date | None:
    """The newest day with a sample that lies `span` before the latest one, or up to SLACK more."""
    last = instance.last_day - span
    days = instance.days.filter(collected_on__range=(last - SLACK, last)).order_by("-collected_on")
    return days.values_list("collected_on", flat=True).first()


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

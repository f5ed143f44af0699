"""How `aggregate` shows its runs. An entry is a run's result with its period and seconds."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.core.management.base import OutputWrapper
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from capacity.models import InstanceSizeAggregation
from capacity.periods import Period
from capacity.units import format_bytes, format_percent
from sync_sessions.choices import RecordStatus

from .output import show_table

BAD = ("failed", "cancelled", "busy")
MANY = 20  #: runs; beyond it only those that went wrong are shown one by one


def show(out: OutputWrapper, entries: list[dict[str, Any]], *, as_json: bool, rows: int) -> None:
    """All that is shown of the runs at their end; `rows`: how many of the largest instances of each."""
    if as_json:
        out.write(json.dumps({"runs": entries}, ensure_ascii=False, default=str))
        return
    many = len(entries) > MANY
    if out.isatty() and entries:
        show_runs(out, [one for one in entries if one["status"] in BAD] if many else entries)
    if many:
        for text in totals(entries):
            out.write(text)
    for entry in entries if rows else ():
        if entry.get("processed_instances"):
            period = Period.containing(entry["period_type"], date.fromisoformat(entry["period_start"]))
            show_largest(out, period, entry["session"]["session_id"], rows)


def tell_errors(out: OutputWrapper, err: OutputWrapper, entries: list[dict[str, Any]]) -> None:
    """The first errors; on a terminal those that a run's own line has elsewhere as well."""
    errors = [error for entry in entries for error in entry["errors"]]
    if out.isatty():
        errors += [entry["message"] for entry in entries if entry["status"] in BAD and not entry["errors"]]
    for text in errors[:20]:
        err.write(text)
    if len(errors) > 20:
        err.write(_("and %(count)d more: see the session's records.") % {"count": len(errors) - 20})


def show_runs(out: OutputWrapper, entries: list[dict[str, Any]]) -> None:
    """A table of runs, a row each."""
    numbers = ("processed_instances", "skipped_instances", "failed_instances", "processed_records", "seconds")
    rows = [
        [
            entry["period_type"],
            _span(entry),
            entry["status"],
            *(str(entry.get(name, "")) for name in numbers),
        ]
        for entry in entries
    ]
    columns = [_("Period"), _("Days"), _("Status"), ">" + _("Done"), ">" + _("Skipped"), ">" + _("Failed")]
    show_table(out, _("Runs"), [*columns, ">" + _("Rows"), ">" + _("Time")], rows)


def show_largest(out: OutputWrapper, period: Period, session_id: str, count: int) -> None:
    """A table of the largest instances of a period that a run has computed."""
    rows = InstanceSizeAggregation.objects.filter(
        period_type=period.type,
        period_start=period.start,
        instance__sync_records__session__session_id=session_id,
        instance__sync_records__status=RecordStatus.COMPLETED,
    )
    columns = [
        _("Instance"),
        _("Engine"),
        ">" + _("Size"),
        ">" + pgettext("of size", "Change"),
        ">" + _("Percent"),
        _("Trend"),
    ]
    show_table(
        out,
        _("Largest instances, %(type)s %(start)s") % {"type": period.type, "start": period.start},
        [*columns, ">" + _("Databases"), ">" + pgettext("how many", "Days")],
        [
            [
                row.instance.name,
                row.instance.get_db_type_display(),
                format_bytes(row.avg_total_size_bytes),
                "–" if row.total_size_change_bytes is None else format_bytes(row.total_size_change_bytes, sign=True),
                format_percent(row.total_size_change_percent),
                row.get_trend_direction_display(),
                str(row.max_database_count),
                _("%(covered)d of %(days)d") % {"covered": row.covered_days, "days": period.days},
            ]
            for row in rows.select_related("instance").order_by("-avg_total_size_bytes", "instance_id")[:count]
        ],
    )


def _span(entry: dict[str, Any]) -> str:
    one_day = entry["period_start"] == entry["period_end"]
    return entry["period_start"] if one_day else f"{entry['period_start']} – {entry['period_end']}"


def totals(entries: list[dict[str, Any]]) -> Iterator[str]:
    """A line per period type, for a back-fill of many periods."""
    for period_type in dict.fromkeys(entry["period_type"] for entry in entries):
        runs = [entry for entry in entries if entry["period_type"] == period_type]
        yield _("%(type)s: %(count)d runs from %(first)s to %(last)s, %(good)d without a fault, %(rows)d rows.") % {
            "type": period_type,
            "count": len(runs),
            "first": runs[0]["period_start"],
            "last": runs[-1]["period_end"],
            "good": sum(run["status"] not in BAD for run in runs),
            "rows": sum(run.get("processed_records", 0) for run in runs),
        }


def line(entry: dict[str, Any]) -> str:
    """A run in one line."""
    return f"{entry['period_type']} {_span(entry)} {entry['status']}: {entry['message']} ({entry['seconds']} s)"

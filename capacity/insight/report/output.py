"""The report as a page that prints, as CSV and as plain values."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.template.loader import render_to_string
from django.utils import formats
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from capacity.insight.csv_export import cell
from capacity.insight.sparkline import sparkline
from capacity.insight.wording import event_sentence, forecast_sentence, score_sentence
from capacity.models import DbType, Forecast
from capacity.units import format_bytes, format_percent
from sync_sessions.choices import SyncCategory
from sync_sessions.common.words import any_of, listed
from sync_sessions.reasons import sentence_of

from .data import SCORED_AFTER, Change, DatabaseLine, Report

NAMES_SHOWN = 20  #: of instances
CSV_COLUMNS = ("instance_id", "instance", "database", "bytes", "change_bytes", "change_percent")


def as_csv(report: Report) -> str:
    """Every database at the end of the month and its change in it, the largest first; RFC 4180, sizes in bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["month", *CSV_COLUMNS])
    month = f"{report.month.start:%Y-%m}"
    for line in report.databases_at_end:
        writer.writerow([month, *(cell(getattr(line, name)) for name in CSV_COLUMNS)])
    return text.getvalue()


def as_dict(report: Report) -> dict[str, Any]:
    """For JSON; what is largest, grown most and shrunk most, not every database."""

    def lines(found: Any) -> list[dict[str, Any]]:
        return [_plain(asdict(line)) for line in found]

    return {
        "month": f"{report.month.start:%Y-%m}",
        "is_complete": report.is_complete,
        "tags": list(report.tags),
        "instances_total": report.instances_total,
        "instances_measured": len(report.instances),
        "databases": report.databases,
        "size_bytes": report.bytes,
        "month_change": report.month_change and _plain(asdict(report.month_change)),
        "year_change": report.year_change and _plain(asdict(report.year_change)),
        "full_soon_on": report.full_soon_on,
        "full_soon": [
            {
                "level": row.level,
                "instance": row.instance.name if row.instance else None,
                "database": row.database_name,
                "shared_key": row.shared_key,
                "state": row.state,
                "limit_bytes": row.limit_bytes,
                "expected_on": row.expected_on,
                "earliest_on": row.earliest_on,
                "latest_on": row.latest_on,
            }
            for row in report.full_soon
        ],
        "largest": lines(report.largest),
        "grown": lines(report.grown),
        "shrunk": lines(report.shrunk),
        "events": [
            {
                "day": event.day,
                "kind": event.kind,
                "instance": event.instance.name,
                "database": event.database_name,
                "before_bytes": event.before_bytes,
                "after_bytes": event.after_bytes,
                "usual_bytes": event.usual_bytes,
            }
            for event in report.events
        ],
        "events_left": report.events_left,
        "engines": lines(report.engines),
        "instances": lines(report.instances),
        "ahead": lines(report.ahead),
        "error_percent": report.error_percent,
        "quality": _plain(asdict(report.quality)),
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Percents as numbers, as everywhere in the API."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in values.items()}


def as_html(report: Report, **more: Any) -> str:
    """One page in the reader's language, complete in itself. `more`: for the bar above it, which does not print."""
    return render_to_string("capacity/report/report.html", {"report": report, **_words(report), **more})


def _words(report: Report) -> dict[str, Any]:
    quality = report.quality
    return {
        "language": get_language(),
        "title": _("Capacity report of %(month)s")
        % {"month": formats.date_format(report.month.start, "YEAR_MONTH_FORMAT")},
        "tags": any_of(report.tags),
        "size": format_bytes(report.bytes),
        "month_change": _changed(report.month_change),
        "year_change": _changed(report.year_change),
        "coverage": round(100 * quality.covered / quality.expected, 1) if quality.expected else None,
        "full_soon": [
            {"name": _name(row), "day": row.expected_on, "text": forecast_sentence(row)} for row in report.full_soon
        ],
        "grown": _databases(report.grown),
        "shrunk": _databases(report.shrunk),
        "largest": _databases(report.largest),
        "events": [
            {
                "day": event.day,
                "name": f"{event.instance.name} {event.database_name}".rstrip(),
                "text": event_sentence(event),
            }
            for event in report.events
        ],
        "engines": [
            {
                "name": DbType(line.db_type).label,
                "instances": line.instances,
                "databases": line.databases,
                "size": format_bytes(line.bytes),
                "change": _signed(line.change_bytes),
            }
            for line in report.engines
        ],
        "instances": [
            {
                "name": line.instance,
                "engine": DbType(line.db_type).label,
                "databases": line.databases,
                "size": format_bytes(line.bytes),
                "change": _signed(line.change_bytes),
                "percent": format_percent(line.change_percent),
                "spark": sparkline(line.months, monthly=True),
            }
            for line in report.instances
        ],
        "ahead": [
            {
                "days": line.days,
                "size": format_bytes(line.bytes),
                "low": format_bytes(line.low),
                "high": format_bytes(line.high),
            }
            for line in report.ahead
        ],
        "score": "" if report.error_percent is None else score_sentence(SCORED_AFTER, report.error_percent),
        "failures": [
            {
                "run": SyncCategory(group.category).label,
                "reason": sentence_of(group.code) or group.code,
                "records": group.records,
                "instances": group.instances,
            }
            for group in quality.failures
        ],
        "later": _names(quality.later),
        "never": _names(quality.never),
    }


def _names(names: Sequence[str]) -> str:
    """The first ones, and how many more there are."""
    left = len(names) - NAMES_SHOWN
    more = [ngettext("and %(count)d more", "and %(count)d more", left) % {"count": left}] if left > 0 else []
    return listed([*names[:NAMES_SHOWN], *more])


def _name(row: Forecast) -> str:
    if row.instance is None:
        return _("volume %(name)s") % {"name": row.shared_key}
    return f"{row.instance.name} {row.database_name}".rstrip()


def _databases(lines: Any) -> list[dict[str, str]]:
    def shown(line: DatabaseLine) -> dict[str, str]:
        return {
            "instance": line.instance,
            "database": line.database,
            "size": format_bytes(line.bytes),
            "change": _signed(line.change_bytes),
            "percent": format_percent(line.change_percent),
        }

    return [shown(line) for line in lines]


def _signed(change: int | None) -> str:
    return "–" if change is None else format_bytes(change, sign=True)


def _changed(change: Change | None) -> dict[str, Any] | None:
    if change is None:
        return None
    return {
        "bytes": format_bytes(change.bytes, sign=True),
        "percent": format_percent(change.percent),
        "compared": change.compared,
    }

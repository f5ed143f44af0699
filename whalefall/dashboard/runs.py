"""What ran, runs and waits, for the dashboard."""

from datetime import date, datetime
from typing import Any

from django.utils.timesince import timesince

from capacity.admin.runs import session_url
from capacity.aggregation.due import stale_periods
from capacity.periods import PERIOD_CONFIG
from sync_sessions.admin.cells import moment
from sync_sessions.common.statuses import VARIANTS
from sync_sessions.common.words import listed, noted
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .words import LABELS, SHOWN, days_text


def last_runs(runs: dict[str, SyncSession], now: datetime) -> list[dict[str, Any]]:
    """A line per kind of run, whether or not there was one."""
    return [
        {"label": label, "run": described(runs[name], now) if name in runs else None} for name, label in LABELS.items()
    ]


def described(session: SyncSession, now: datetime) -> dict[str, Any]:
    ended = session.completed_at or session.updated_at
    dates = map(session.details.get, ("period_start", "period_end"))
    days = [date.fromisoformat(day) for day in dates if day]
    return {
        "url": session_url(session),
        "status": session.get_status_display(),
        "variant": VARIANTS[session.status],
        "period": days_text(days[0], days[-1]) if days else "",
        "age": timesince(ended, now, depth=1),
        "at": moment(ended),
        "failed": session.failed_instances,
    }


def open_sessions() -> dict[str, Any]:
    """What is queued or running. Like every page of sessions it first ends those whose process is gone."""
    sync_session_service.fail_stale_sessions()
    sessions = list(SyncSession.objects.open().order_by("pk"))
    return {"shown": [progress(one) for one in sessions[:SHOWN]], "left": len(sessions[SHOWN:])}


def progress(session: SyncSession) -> dict[str, Any]:
    done = session.successful_instances + session.skipped_instances + session.failed_instances
    key = session.details.get("period_type")
    kind = session.get_sync_category_display()
    return {
        "url": session_url(session),
        "title": noted(kind, LABELS[key]) if key in LABELS else kind,
        "status": session.get_status_display(),
        "variant": VARIANTS[session.status],
        "done": done,
        "all": session.total_instances,
        "percent": 100 * done // session.total_instances if session.total_instances else 0,
    }


def stale(day: date) -> dict[str, Any]:
    """Complete periods that samples have outdated, the oldest ones named."""
    periods = stale_periods(PERIOD_CONFIG, day)
    named = [f"{LABELS[one.type]} {days_text(one.start, one.end)}" for one in periods[:3]]
    return {"count": len(periods), "oldest": listed([*named, "…"] if periods[3:] else named)}

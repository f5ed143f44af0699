"""What ran, runs and waits, for the dashboard."""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.models import Case, When
from django.utils.timesince import timesince
from django.utils.translation import ngettext

from capacity.admin.runs import session_url
from capacity.aggregation.due import caught_up_since, stale_periods
from capacity.periods import PERIOD_CONFIG, Period
from capacity.runs import kinds
from capacity.scheduling.overview import overviews
from sync_sessions.admin.cells import moment
from sync_sessions.common.statuses import VARIANTS
from sync_sessions.common.words import days_text, listed, noted
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .night import left_out, missed, schedules
from .words import SHOWN


def last_runs(now: datetime, opened: list[SyncSession]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """A line per kind of run, whether or not there was one: the last scheduled one, and one by hand since; and one per
    schedule of some tags. And the schedules that were missed. `opened`: the sessions that go on."""
    scheduled, of_all = kinds.last_runs_and_later()
    fleet, of_tags = schedules()
    only_tagged = {kinds.kind_of(key) for _task, one in of_tags if one.what for key in one.what.lock_keys}
    only_tagged -= {kinds.kind_of(key) for _task, one in fleet if one.what for key in one.what.lock_keys}
    tasks = [task for task, _reading in of_tags]
    tagged = list(zip(tasks, overviews(tasks, now), strict=True)) if tasks else []
    reasons = left_out([*scheduled.values(), *(one.session for _task, one in tagged if one.session)])

    def run(found: SyncSession | None) -> dict[str, Any] | None:
        return described(found, now) | {"reasons": listed(reasons.get(found.pk, ()))} if found else None

    lines = [
        {
            "label": label,
            "run": run(scheduled.get(name)),
            "by_hand": run(of_all[name]) if of_all.get(name) != scheduled.get(name) else None,
        }
        for name, label in kinds.labels().items()
        # Where every schedule of a kind is of tags, that it never ran for the fleet is no news.
        if name in of_all or name not in only_tagged
    ]
    lines += [{"label": task.name, "run": run(one.session), "by_hand": None} for task, one in tagged]
    return lines, missed(fleet, of_all, tagged, {one.lock_key for one in opened}, now)


def described(session: SyncSession, now: datetime) -> dict[str, Any]:
    ended = session.completed_at or session.updated_at
    dates = map(session.details.get, ("period_start", "period_end"))
    days = [date.fromisoformat(day) for day in dates if day]
    return {
        "url": session_url(session),
        **badge(session),
        "period": days_text(days[0], days[-1]) if days else "",
        "age": timesince(ended, now, depth=1),
        "at": moment(ended),
        "counts": listed(counts(session)),
        "again": [{"url": session_url(one), **badge(one)} for one in session.retries()],
    }


def badge(session: SyncSession) -> dict[str, Any]:
    return {"status": session.get_status_display(), "variant": VARIANTS[session.status]}


def counts(session: SyncSession) -> list[str]:
    """What became of its instances: "21 done", "6 skipped", "2 failed"."""
    told = [
        (session.failed_instances, ngettext("%(count)d failed", "%(count)d failed", session.failed_instances)),
        (session.skipped_instances, ngettext("%(count)d skipped", "%(count)d skipped", session.skipped_instances)),
        (session.successful_instances, ngettext("%(count)d done", "%(count)d done", session.successful_instances)),
    ]
    return [text % {"count": count} for count, text in told if count]


def open_sessions() -> list[SyncSession]:
    """What is queued or running. Like every page of sessions it first ends those whose process is gone; one query
    when there is none."""
    stale = SyncSession.objects.abandoned() | SyncSession.objects.never_started()
    opened = SyncSession.objects.open().order_by("pk")
    sessions = list(opened.annotate(is_stale=Case(When(pk__in=stale.values("pk"), then=True), default=False)))
    if any(one.is_stale for one in sessions):
        sync_session_service.fail_stale_sessions()
        sessions = list(opened)
    return sessions


def running(sessions: list[SyncSession]) -> dict[str, Any]:
    return {"shown": [progress(one) for one in sessions[:SHOWN]], "left": len(sessions[SHOWN:])}


def progress(session: SyncSession) -> dict[str, Any]:
    done = session.successful_instances + session.skipped_instances + session.failed_instances
    kind = kinds.kind_of(session.lock_key)
    category, label = session.get_sync_category_display(), kinds.labels().get(kind)
    return {
        "url": session_url(session),
        "title": category if kind == kinds.COLLECTION else noted(category, label),
        "status": session.get_status_display(),
        "variant": VARIANTS[session.status],
        "done": done,
        "all": session.total_instances,
        "percent": 100 * done // session.total_instances if session.total_instances else 0,
    }


def stale(day: date) -> dict[str, Any]:
    """Complete periods that samples have outdated: those that the schedule computes, and those too old for it."""
    periods, since = stale_periods(PERIOD_CONFIG, day), caught_up_since(day)
    return {
        "due": named([one for one in periods if one.end >= since]),
        "too_old": named([one for one in periods if one.end < since]),
        "days": settings.WHALEFALL_CATCH_UP_DAYS,
    }


def named(periods: list[Period]) -> dict[str, Any]:
    """How many, and the oldest ones by name."""
    names = [f"{kinds.labels()[one.type]} {days_text(one.start, one.end)}" for one in periods[:3]]
    return {"count": len(periods), "oldest": listed([*names, "…"] if periods[3:] else names)}

"""What there is to say of rows now: their next runs, their last session, and whether a run did not come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django_celery_beat.models import PeriodicTask

from capacity.models import Tag
from sync_sessions.choices import OPEN_SESSION, Scope
from sync_sessions.models import SyncSession

from .job import Job
from .reading import Reading, read
from .upcoming import Run, last_time, next_runs

GRACE = timedelta(hours=1)  #: a queue may be long


@dataclass(frozen=True)
class Overview:
    reading: Reading
    runs: list[Run]  #: the next ones, if it is on
    session: SyncSession | None  #: the last one of its kind, whoever started it
    missed: datetime | None  #: when it should have run and nothing came of it; see `missed_run`
    unknown_tags: tuple[str, ...] = ()  #: that it names and nobody has made: it fails


#: {(lock key, tags): the last session of such a schedule}
Last = dict[tuple[str, tuple[str, ...]], SyncSession]


def overviews(tasks: Sequence[PeriodicTask], now: datetime) -> list[Overview]:
    """One each, in their order. One query, if their crontabs are selected with them; one more if some name tags."""
    readings = [read(task) for task in tasks]
    wanted = {(key, one.what.tags) for one in readings if one.what for key in one.what.lock_keys}
    sessions = SyncSession.objects.last_of(sorted(wanted))
    last = {(session.lock_key, tuple(session.details.get("tags", ()))): session for session in sessions}
    named = {name for _key, tags in wanted for name in tags}
    unknown = named - set(Tag.objects.filter(name__in=named).values_list("name", flat=True)) if named else set()
    return [_overview(task, reading, last, unknown, now) for task, reading in zip(tasks, readings, strict=True)]


def missed_run(task: PeriodicTask, reading: Reading, session: SyncSession | None, now: datetime) -> datetime | None:
    """The last time it should have run, if over an hour ago and no session has been opened since. Pure.

    Said only of what opens a session at each run: a collection, or the aggregation of one level. That of both
    levels opens none when no period is stale. `session` is the last one of its kind.
    """
    what, when, zone = reading.what, reading.when, reading.zone
    if not task.enabled or what is None or when is None or zone is None or reading.bounded:
        return None
    always = what.job in (Job.COLLECT, Job.TABLES) or (
        what.job == Job.AGGREGATE and what.scope != Scope.ALL and settings.WHALEFALL_AGGREGATION_ENABLED
    )
    due = last_time(when, zone, now - GRACE)
    if not always or task.date_changed > due:  # edited since then: what it was at that time is not known
        return None
    return None if session and (session.status in OPEN_SESSION or session.created_at >= due) else due


def _overview(task: PeriodicTask, reading: Reading, last: Last, unknown: set[str], now: datetime) -> Overview:
    what, runs = reading.what, []
    if task.enabled and reading.crontab and reading.zone and not reading.bounded:
        runs = next_runs(what, reading.crontab, reading.zone, now, ZoneInfo(settings.TIME_ZONE))
    own = [last[key, what.tags] for key in what.lock_keys if (key, what.tags) in last] if what else []
    session = max(own, key=lambda one: one.pk, default=None)
    missing = tuple(name for name in what.tags if name in unknown) if what else ()
    return Overview(reading, runs, session, missed_run(task, reading, session, now), missing)

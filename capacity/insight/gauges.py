"""The state of the whole fleet in a few numbers, for /metrics. Each function is one query or two."""

from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Case, Count, Max, OuterRef, Q, QuerySet, Subquery, When

from capacity.aggregation.due import caught_up_since, stale_periods
from capacity.models import Instance, InstanceSizeStat
from capacity.periods import PERIOD_CONFIG, today
from sync_sessions.models import SyncSession
from sync_sessions.querysets import SyncSessionQuerySet


def last_runs() -> dict[str, SyncSession]:
    """The newest ended scheduled run of each period type, and of the collection, if there is one. One query."""
    return _newest(SyncSession.objects.by_schedule())[0]


def last_runs_and_later() -> tuple[dict[str, SyncSession], dict[str, SyncSession]]:
    """`last_runs`, and of each kind the newest run whoever started it. One query."""
    scheduled, of_all = _newest(SyncSession.objects.by_schedule(), SyncSession.objects.over_the_fleet())
    return scheduled, of_all


def _newest(*choices: SyncSessionQuerySet) -> list[dict[str, SyncSession]]:
    """The newest ended session of each kind, of each choice of sessions."""
    keys = {f"aggregation:{config.key}": config.key for config in PERIOD_CONFIG}
    keys["capacity:collection"] = "collection"
    # Of each key one look-up in its index.
    newest = [
        reduce(or_, (Q(pk=Subquery(sessions.newest_ended(key).values("pk"))) for key in keys)) for sessions in choices
    ]
    flags = {f"of_{number}": Case(When(of_it, then=True), default=False) for number, of_it in enumerate(newest)}
    runs = list(SyncSession.objects.filter(reduce(or_, newest)).annotate(**flags))
    return [{keys[run.lock_key]: run for run in runs if getattr(run, flag)} for flag in flags]


def last_sample_at() -> datetime | None:
    """When the newest sample of an active instance was measured."""
    newest = _latest_days().values("collected_at")
    return Instance.objects.active().annotate(newest=Subquery(newest)).aggregate(at=Max("newest"))["at"]


def fleet_bytes() -> int:
    """The sum of the latest day totals of all active instances, in bytes."""
    latest = _latest_days().values("total_size_bytes")
    # Not SUM: on SQLite it fails beyond 2^63-1.
    totals = Instance.objects.active().annotate(latest=Subquery(latest)).values_list("latest", flat=True)
    return sum(total or 0 for total in totals)


def open_sessions() -> dict[str, int]:
    """How many sessions are pending and running."""
    counts = SyncSession.objects.open().order_by().values_list("status").annotate(n=Count("pk"))
    return dict.fromkeys(("pending", "running"), 0) | dict(counts)


def stale_period_counts() -> tuple[int, int]:
    """Complete periods that the schedule will compute, and those that are too old for it."""
    day = today()
    periods = stale_periods(PERIOD_CONFIG, day)
    due = sum(period.end >= caught_up_since(day) for period in periods)
    return due, len(periods) - due


def active_instances() -> int:
    return Instance.objects.active().count()


def _latest_days() -> QuerySet[InstanceSizeStat]:
    # One look-up per instance in the unique index on (instance, day).
    return InstanceSizeStat.objects.filter(instance=OuterRef("pk")).order_by("-collected_on")[:1]

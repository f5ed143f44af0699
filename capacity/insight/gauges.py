"""The state of the whole fleet in a few numbers, for /metrics. Each function is one query or two."""

from datetime import datetime

from django.db.models import Count, Max

from capacity.models import Instance, InstanceState, StalePeriod
from capacity.models.state import caught_up_since
from capacity.periods import PERIODS, today
from sync_sessions.models import SyncSession


def last_sample_at() -> datetime | None:
    """When the newest sample of an active instance was measured."""
    return InstanceState.objects.filter(instance__is_active=True).aggregate(at=Max("last_sample_at"))["at"]


def fleet_bytes() -> int:
    """The sum of the latest day totals of all active instances, in bytes."""
    # Not SUM: on SQLite it fails beyond 2^63-1.
    states = InstanceState.objects.filter(instance__is_active=True)
    return sum(states.order_by().values_list("last_size_bytes", flat=True))


def open_sessions() -> dict[str, int]:
    """How many sessions are pending and running."""
    counts = SyncSession.objects.open().order_by().values_list("status").annotate(n=Count("pk"))
    return dict.fromkeys(("pending", "running"), 0) | dict(counts)


def stale_period_counts() -> tuple[int, int]:
    """Complete periods that the schedule will compute, and those that are too old for it."""
    day = today()
    periods, since = StalePeriod.due(PERIODS, day), caught_up_since(day)
    due = sum(period.end >= since for period in periods)
    return due, len(periods) - due


def active_instances() -> int:
    return Instance.objects.active().count()

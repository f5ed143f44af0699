"""The state of the whole fleet in a few numbers, for /metrics. Each function is one query or a fixed few."""

from datetime import datetime

from django.db.models import Count, Max, OuterRef, QuerySet, Subquery

from sync_sessions.models import SyncSession

from .aggregation.periods import PERIOD_CONFIG, today
from .aggregation.plan import stale_periods
from .models import Instance, InstanceSizeStat


def last_runs() -> dict[str, SyncSession]:
    """The newest ended run over the fleet of each period type, and of the collection, if there is one."""
    keys = {config.key: f"aggregation:{config.key}" for config in PERIOD_CONFIG}
    keys["collection"] = "capacity:collection"
    found = {}
    for name, key in keys.items():
        session = SyncSession.objects.ended().filter(lock_key=key).order_by("-id").first()
        if session:
            found[name] = session
    return found


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


def stale_period_count() -> int:
    """Complete periods that wait to be computed."""
    return len(stale_periods(PERIOD_CONFIG, today()))


def active_instances() -> int:
    return Instance.objects.active().count()


def _latest_days() -> QuerySet[InstanceSizeStat]:
    # One look-up per instance in the unique index on (instance, day).
    return InstanceSizeStat.objects.filter(instance=OuterRef("pk")).order_by("-collected_on")[:1]

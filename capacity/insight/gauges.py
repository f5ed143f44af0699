"""The state of the whole fleet in a few numbers, for /metrics. Each function is one query or two."""

from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Count, Max, Q, Subquery

from capacity.aggregation.due import stale_periods
from capacity.models import Instance, InstanceState
from capacity.periods import PERIOD_CONFIG, today
from sync_sessions.models import SyncSession


def last_runs() -> dict[str, SyncSession]:
    """The newest ended run over the fleet of each period type, and of the collection, if there is one. One query."""
    keys = {f"aggregation:{config.key}": config.key for config in PERIOD_CONFIG}
    keys["capacity:collection"] = "collection"
    # Of each key one look-up in its index.
    newest = [Q(pk=Subquery(SyncSession.objects.newest_ended(key).values("pk"))) for key in keys]
    found = {keys[run.lock_key]: run for run in SyncSession.objects.filter(reduce(or_, newest))}
    return {name: found[name] for name in keys.values() if name in found}


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


def stale_period_count() -> int:
    """Complete periods that wait to be computed."""
    return len(stale_periods(PERIOD_CONFIG, today()))


def active_instances() -> int:
    return Instance.objects.active().count()

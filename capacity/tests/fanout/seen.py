"""What is seen of a shared collection."""

from collections import Counter

from capacity.collection.service import CollectionService
from capacity.models import DatabaseSizeStat
from sync_sessions.models import SyncSession


def status():
    return SyncSession.objects.get().status


def records():
    """(instance name, status and error code) of every record."""
    rows = SyncSession.objects.get().records.order_by("instance_name")
    return [(one.instance_name, f"{one.status} {one.error_code}".strip()) for one in rows]


def measured():
    """How often each instance was measured."""
    return Counter(name for name, _at in set(DatabaseSizeStat.objects.values_list("instance__name", "collected_at")))


def outcomes(batch):
    return [outcome.instance_name for outcome in CollectionService().collect_batch(*batch).outcomes]

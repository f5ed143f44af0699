"""Rows with sensible defaults, and what ingest has stored read back; a test names only what it is about."""

from datetime import UTC, datetime
from itertools import count

from capacity.collection.ingest import Sample
from capacity.models import DatabaseSizeStat, DbType, Instance, InstanceSizeStat, StalePeriod, Tag

_numbers = count(1)


def make_instance(name=None, tags=(), **fields):
    """A saved instance with these tags; without a name it gets one of its own."""
    instance = Instance.objects.create(
        name=f"prod-pg-{next(_numbers):05}" if name is None else name, **{"db_type": DbType.POSTGRESQL, **fields}
    )
    instance.tags.set([Tag.objects.get_or_create(name=one)[0] for one in tags])
    return instance


def a_sample(instance, at="2025-03-05T10:00:00+08:00", size=100, database="sales", **fields):
    """A Sample for ingest, nothing in the database; `at` is a datetime or ISO 8601."""
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return Sample(instance.pk, database, at, size, **fields)


def samples():
    """Every sample as a tuple, its day last, in key order."""
    columns = ("instance_id", "database_name", "collected_at", "size_bytes", "data_size_bytes", "log_size_bytes")
    return list(DatabaseSizeStat.objects.order_by(*columns[:3]).values_list(*columns, "collected_on"))


def days():
    """Every day row as a tuple, in key order."""
    columns = ("instance_id", "collected_on", "total_size_bytes", "database_count", "collected_at")
    return list(InstanceSizeStat.objects.order_by(*columns[:2]).values_list(*columns))


def marks(instance):
    """{period type: first days of its stale periods, as ISO dates}"""
    found = {}
    for type, start in StalePeriod.objects.filter(instance=instance).values_list("period_type", "period_start"):
        found.setdefault(type, []).append(start.isoformat())
    return {type: sorted(starts) for type, starts in found.items()}


def utc(*numbers):
    return datetime(*numbers, tzinfo=UTC)

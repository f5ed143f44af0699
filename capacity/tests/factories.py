"""Rows with sensible defaults; a test names only what it is about."""

from datetime import datetime
from itertools import count

from capacity.collection.ingest import Sample
from capacity.models import DbType, Instance

_numbers = count(1)


def make_instance(name=None, **fields):
    """A saved instance; without a name it gets one of its own."""
    return Instance.objects.create(
        name=f"prod-pg-{next(_numbers)}" if name is None else name, **{"db_type": DbType.POSTGRESQL, **fields}
    )


def a_sample(instance, at="2025-03-05T10:00:00+08:00", size=100, database="sales", **fields):
    """A Sample for ingest, nothing in the database; `at` is a datetime or ISO 8601."""
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return Sample(instance.pk, database, at, size, **fields)

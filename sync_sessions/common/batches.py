"""Deleting many rows without holding a lock for long."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet


def delete_in_batches(rows: QuerySet[Any], size: int, on_batch: Callable[[int], object] = lambda count: None) -> int:
    """Deletes these rows, with what hangs on them, `size` at a time, each its own commit; gives how many of them.

    After each, `on_batch` is told how many it had. Their order is that of `rows`: leave it out (`order_by()`) where
    a sort would read all that is still to go for each batch.
    """
    deleted = 0
    while batch := list(rows.values_list("pk", flat=True)[:size]):
        rows.model._default_manager.filter(pk__in=batch).delete()
        deleted += len(batch)
        on_batch(len(batch))
    return deleted

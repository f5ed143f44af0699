"""The one way in for samples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from capacity.models import Instance

from . import staging, storing
from .samples import BadItem, ErrorList, Sample
from .validation import item_errors

__all__ = ["IngestResult", "Sample", "ingest"]


@dataclass(frozen=True)
class IngestResult:
    """What became of a batch; all of it is stored."""

    received: int = 0
    created: int = 0
    updated: int = 0  #: samples that existed already (same instance, database and time)
    days: int = 0  #: day rows derived anew


def ingest(
    samples: Iterable[Sample | BadItem],
    *,
    now: datetime | None = None,
    new_instances: Mapping[int, Instance] | None = None,
) -> IngestResult:
    """Stores all of the samples or none, derives the day rows they touch and marks the stale periods.

    `samples` is read once and never held as a whole: a million cost no memory. A `BadItem` in it carries the
    errors that its door has found already. `new_instances` are unsaved instances that are created together
    with the samples, by the negative ids that the samples have for them; it may still grow while the samples
    are read. `now` is what the future is measured by.

    Raises SamplesRejected, with the errors by item, and TimeZoneChanged. Works inside a caller's transaction;
    without one, the database is locked only for the last step.
    """
    new_instances = {} if new_instances is None else new_instances
    with staging.staging_tables():
        received = _stage(samples, now or timezone.now(), new_instances)
        if not received:
            return IngestResult()
        days = staging.derive_days()
        with transaction.atomic():
            if new_instances:
                storing.create_instances(new_instances)
            storing.lock_instances()
            storing.check_time_zone()
            created = storing.write_samples()
            day_rows = storing.write_days(timezone.now())
            storing.mark_stale(days)
    return IngestResult(received, created, received - created, day_rows)


def _stage(samples: Iterable[Sample | BadItem], now: datetime, new_instances: Mapping[int, Instance]) -> int:
    """Checks and stages the samples; gives how many. Raises SamplesRejected with everything wrong in them."""
    known = set(Instance.objects.values_list("pk", flat=True))

    def exists(pk: int) -> bool:
        return pk in known or pk in new_instances

    zone = timezone.get_default_timezone()
    errors, rows, received = ErrorList(), list[staging.Row](), 0
    for index, item in enumerate(samples):
        received += 1
        if found := item_errors(index, item, exists=exists, now=now):
            errors.add(found)
        elif isinstance(item, Sample):
            # The one place where a sample gets its day. PostgreSQL knows no offset beyond 15:59, Python does.
            moment = item.collected_at.astimezone(zone)
            sizes = item.size_bytes, item.data_size_bytes, item.log_size_bytes
            rows.append(staging.Row(index, item.instance_id, item.database_name, *sizes, moment.date(), moment))
        if len(rows) == staging.BATCH:
            staging.load(rows)
            rows.clear()
    staging.load(rows)
    errors.add(*staging.duplicates())
    if errors.total:
        raise errors.rejected()
    return received

"""The one way in for samples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from django.utils import timezone

from capacity.models import Instance
from sync_sessions.common.collector import collector_off

from .samples import BadItem, ErrorList, Sample
from .staging import Batch, Row
from .storing import store
from .validation import Checks, name_problem, normal_name, unknown_instance

__all__ = ["IngestResult", "Sample", "ingest"]


@dataclass(frozen=True)
class IngestResult:
    """What became of a batch; all of it is stored."""

    received: int = 0
    created: int = 0
    updated: int = 0  #: samples that existed already (same instance, database and time)
    days: int = 0  #: day rows of instances derived anew


class NotSized(NamedTuple):
    """A database that a collection has listed and could not size."""

    instance_id: int
    database_name: str
    collected_at: datetime


def ingest(
    samples: Iterable[Sample | BadItem],
    *,
    now: datetime | None = None,
    new_instances: Mapping[int, Instance] | None = None,
    not_sized: Iterable[NotSized] = (),
) -> IngestResult:
    """Stores all of the samples or none; derives the day rows and states they touch, and marks the stale periods.

    `samples` is read once and never held as a whole: a million cost no memory. A `BadItem` in it carries the
    errors that its door has found already. `new_instances` are unsaved instances that are created together
    with the samples, by the negative ids that the samples have for them; it may still grow while the samples
    are read. `now` is what the future is measured by. Databases `not_sized` count in the day rows of their
    instance with their last known size of the last 7 days; they need a sample of that instance in the batch.

    Raises SamplesRejected, with the errors by item, and TimeZoneChanged. Works inside a caller's transaction;
    without one, the database is locked only for the last step.
    """
    new_instances = {} if new_instances is None else new_instances
    with collector_off(), Batch() as batch:
        received = _read(samples, batch, now or timezone.now(), new_instances)
        if not received:
            return IngestResult()
        carried = [
            (one.instance_id, _day(one.collected_at), normal_name(one.database_name))
            for one in not_sized
            if name_problem(one.database_name) is None  # no other can have a last known size
        ]
        created, days = store(batch, new_instances, carried, timezone.now())
    return IngestResult(received, created, received - created, days)


def _day(moment: datetime) -> date:
    return moment.astimezone(timezone.get_default_timezone()).date()


def _read(
    samples: Iterable[Sample | BadItem], batch: Batch, now: datetime, new_instances: Mapping[int, Instance]
) -> int:
    """Checks the samples into the batch; gives how many. Raises SamplesRejected with everything wrong in them."""

    @cache
    def known() -> set[int]:
        # Read when it is needed: of a small batch without an error the lock tells.
        return set(Instance.objects.values_list("pk", flat=True))

    def exists(pk: int) -> bool:
        return pk in new_instances or pk in known()

    def check_instances() -> None:
        errors.add(unknown_instance(row.position) for row in batch.rows if not exists(row.instance_id))

    checks, errors, received = Checks(now, exists), ErrorList(), 0
    for index, item in enumerate(samples):
        received += 1
        good = checks.passes(item)
        if good is None or isinstance(item, BadItem):
            found = checks.errors(index, item)
            assert found, "an item that does not pass has an error"
            errors.add(found)
            continue
        if batch.is_full():
            check_instances()
            batch.flush()
        name, (day, at) = good
        sizes = item.size_bytes, item.data_size_bytes, item.log_size_bytes
        batch.add(Row(index, item.instance_id, name, *sizes, day, at))
    if batch.staged or errors.total:
        check_instances()
    batch.close()
    if errors.total or not batch.is_told_of_duplicates:
        errors.add(*batch.duplicates())
    if errors.total:
        raise errors.rejected()
    return received

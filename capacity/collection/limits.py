"""The limits that a measurement tells of: what files may grow to, and what is left on the disks."""

from collections.abc import Iterator

from capacity.models import Instance
from capacity.models.limits import CapacityLimit, LimitSource

from .sources import Measurement

KEY = ["instance", "database_name", "source"]
COLLECTED = [source for source in LimitSource.values if source != LimitSource.MANUAL]


def store_limits(instance: Instance, measurement: Measurement) -> None:
    """Writes the limits of the databases that were sized, and deletes those that are no more.

    Those of databases that could not be sized stay, all of them when the measurement does not know all limits,
    and what staff entered. Runs in the transaction of
    the samples.
    """
    limits = list(_limits(instance, measurement))
    CapacityLimit.objects.bulk_create(
        limits, update_conflicts=True, unique_fields=KEY, update_fields=["limit_bytes", "shared_key", "updated_at"]
    )
    if not measurement.all_limits:
        return
    found = {(limit.database_name, limit.source) for limit in limits}
    kept = {unsized.database for unsized in measurement.not_sized}
    stored = CapacityLimit.objects.filter(instance=instance, source__in=COLLECTED)
    gone = [
        pk
        for pk, name, source in stored.values_list("pk", "database_name", "source")
        if name not in kept and (name, source) not in found
    ]
    if gone:
        CapacityLimit.objects.filter(pk__in=gone).delete()


def _limits(instance: Instance, measurement: Measurement) -> Iterator[CapacityLimit]:
    sizes = {size.database_name: size for size in measurement.databases}
    for name, size in sizes.items():
        if size.limit_bytes:
            yield CapacityLimit(
                instance=instance, database_name=name, source=measurement.limit_source, limit_bytes=size.limit_bytes
            )
    on_disk: set[str] = set()
    # A database on several disks is limited by the one with the least left.
    for volume in sorted(measurement.volumes, key=lambda one: one.available_bytes):
        names = [name for name in volume.databases if name in sizes]
        # What the databases on it may become together: other files are on it, too.
        together = sum(sizes[name].size_bytes for name in names) + volume.available_bytes
        for name in names:
            if name not in on_disk and together:
                on_disk.add(name)
                yield CapacityLimit(
                    instance=instance,
                    database_name=name,
                    source=LimitSource.VOLUME,
                    limit_bytes=together,
                    shared_key=volume.shared_key,
                )

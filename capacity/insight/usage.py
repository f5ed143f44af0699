"""How much of its limit a database or an instance uses, or the volume that it shares. Sizes are bytes."""

from typing import NamedTuple

from django.db.models import Q

from capacity.models import CapacityLimit, DatabaseState, InstanceState

from .limits import by_volume, limits_that_count
from .series import Target


class Usage(NamedTuple):
    used: int
    limit: int
    shared_key: str  #: of the volume that it is; "" for a limit of its own
    databases: int  #: on the volume


def usage(target: Target) -> Usage | None:
    """None without a limit, or without a sample. One query for the limits and two for the sizes, at most four."""
    instance, _database = target
    limit = limits_that_count([instance]).get(target)
    if limit is None:
        return None
    if limit.shared_key:
        return _of_volume(limit)
    size = _sizes([target])
    return Usage(size[0], limit.limit_bytes, "", 1) if size else None


def _of_volume(limit: CapacityLimit) -> Usage | None:
    """All active instances that are on the volume count, and of each limit the one that wins."""
    mates = CapacityLimit.objects.filter(shared_key=limit.shared_key, instance__is_active=True)
    ids = {*mates.order_by().values_list("instance_id", flat=True), limit.instance_id}
    on_it = by_volume(limits_that_count(ids))[limit.shared_key]
    targets = [(one.instance_id, one.database_name) for one in on_it]
    sizes = _sizes(targets)
    counts = InstanceState.objects.filter(instance__in=[pk for pk, name in targets if not name])
    databases = sum(counts.values_list("last_database_count", flat=True)) + sum(bool(name) for _pk, name in targets)
    return Usage(sum(sizes), on_it[0].limit_bytes, limit.shared_key, databases) if sizes else None


def _sizes(targets: list[Target]) -> list[int]:
    """The last sizes of those that have one."""
    of = Q(pk__in=[])
    for instance, database in targets:
        if database:
            of |= Q(instance=instance, database_name=database)
    instances = InstanceState.objects.filter(instance__in=[pk for pk, name in targets if not name])
    found = (
        [*DatabaseState.objects.filter(of).values_list("last_size_bytes", flat=True)]
        if any(name for _pk, name in targets)
        else []
    )
    return [*found, *instances.values_list("last_size_bytes", flat=True)]

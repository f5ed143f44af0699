"""Which limit counts for a database or an instance, of all that are known, and who shares one."""

from collections.abc import Collection, Iterable, Mapping

from django.db.models import QuerySet

from capacity.models import CapacityLimit, LimitSource

from .series import Target

_ORDER = {source: place for place, source in enumerate(LimitSource.values)}


def limits_that_count(instance_ids: Collection[int]) -> dict[Target, CapacityLimit]:
    """{(instance id, database name or "" for the instance): the one that wins}. One query."""
    found = CapacityLimit.objects.filter(instance__in=instance_ids)
    # The one that wins comes last, and stays.
    weakest_first = sorted(found, key=lambda limit: -_ORDER[limit.source])
    return {(limit.instance_id, limit.database_name): limit for limit in weakest_first}


def by_volume(limits: Mapping[Target, CapacityLimit]) -> dict[str, list[CapacityLimit]]:
    """{shared key: those of the limits that have it, the newest first}. Pure.

    Where an instance shares a volume its databases are not told beside it: they are in its total.
    """
    shared: dict[str, list[CapacityLimit]] = {}
    for (instance, _database), limit in sorted(limits.items(), key=lambda pair: pair[1].updated_at, reverse=True):
        whole = limits.get((instance, ""))
        inside = bool(limit.database_name) and whole is not None and whole.shared_key == limit.shared_key
        if limit.shared_key and not inside:
            shared.setdefault(limit.shared_key, []).append(limit)
    return shared


def volume_mates(instance_ids: Iterable[int]) -> list[list[int]]:
    """The instances in groups that share volumes, with the active ones that share one with them. One query.

    A volume is full for all at once: whoever is on it is looked at together.
    """
    groups = {instance: {instance} for instance in instance_ids}
    first_on: dict[str, int] = {}
    for key, instance in _shared():
        mate = first_on.setdefault(key, instance)
        merged = groups.setdefault(mate, {mate}) | groups.setdefault(instance, {instance})
        groups.update(dict.fromkeys(merged, merged))
    wanted = {min(groups[instance]): groups[instance] for instance in instance_ids}
    return [sorted(group) for _least, group in sorted(wanted.items())]


def _shared() -> QuerySet[CapacityLimit, tuple[str, int]]:
    shared = CapacityLimit.objects.exclude(shared_key="").filter(instance__is_active=True)
    return shared.order_by("shared_key", "instance_id").values_list("shared_key", "instance_id").distinct()

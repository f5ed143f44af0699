"""What people may do to limits: they enter and change their own; those that collecting has found are measured."""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from capacity.errors import InputError, StateConflict
from capacity.models import CapacityLimit, DatabaseState, Instance, LimitSource
from sync_sessions.common.history import log_added, log_changed

BATCH = 500


class UnknownDatabase(InputError):
    """A name that no database of the instance has or had."""

    code = "unknown_database"


class LimitExists(InputError):
    """There is one limit of each database and instance that people enter."""

    code = "limit_exists"


class LimitCollected(StateConflict):
    """A limit that collecting has found is not changed by hand: one that is entered counts instead."""

    code = "limit_collected"


def check_entered(limit: CapacityLimit) -> None:
    """Raises LimitCollected for one that nobody has entered."""
    if limit.source != LimitSource.MANUAL:
        raise LimitCollected(_("This limit was measured: enter one of your own, which counts instead."))


def check_target(instance: Instance, database_name: str, *, other_than: Any = None) -> None:
    """What a limit is for. UnknownDatabase; LimitExists when one is entered, `other_than` this. Two queries."""
    names = {"instance": instance.name, "database": database_name}
    if database_name and not DatabaseState.objects.filter(instance=instance, database_name=database_name).exists():
        raise UnknownDatabase(_("%(instance)s has no database named %(database)s.") % names)
    same = CapacityLimit.objects.filter(instance=instance, database_name=database_name, source=LimitSource.MANUAL)
    if same.exclude(pk=other_than).exists():
        raise LimitExists(_("A limit of it is entered already: change that one."))


@transaction.atomic
def enter_limits(
    targets: Collection[tuple[int, str]], size: int, *, shared_key: str = "", note: str = "", by: Any
) -> tuple[int, int]:
    """Enters a limit of so many bytes for each of these (instance id, database name; "" of an instance).

    With a `shared_key` it is that of all that have this key together. One that was entered before is replaced; a blank
    note leaves its note. Gives how many were added and how many replaced; each has an entry in its history.
    """
    entered = CapacityLimit.objects.filter(source=LimitSource.MANUAL, instance__in={one for one, _name in targets})
    before = {(one.instance_id, one.database_name): one for one in entered.select_for_update()}
    new: list[CapacityLimit] = []
    changed: list[CapacityLimit] = []
    for instance, database in targets:
        limit = before.get((instance, database))
        (changed if limit else new).append(limit or CapacityLimit(instance_id=instance, database_name=database))
    for one in [*new, *changed]:
        one.limit_bytes, one.shared_key, one.note = size, shared_key, note or one.note
        one.updated_by, one.updated_at = by, timezone.now()  # which bulk_update does not set
    CapacityLimit.objects.bulk_create(new, batch_size=BATCH)
    CapacityLimit.objects.bulk_update(
        changed, ["limit_bytes", "shared_key", "note", "updated_by", "updated_at"], batch_size=BATCH
    )
    log_added(by, new)
    log_changed(by, changed, ["limit_bytes", "shared_key"])
    return len(new), len(changed)

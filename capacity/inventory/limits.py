"""What people may do to limits: they enter and change their own; those that collecting has found are measured."""

from typing import Any

from django.utils.translation import gettext as _

from capacity.errors import InputError, StateConflict
from capacity.models import CapacityLimit, DatabaseState, Instance, LimitSource


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

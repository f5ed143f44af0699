"""The rules of the inventory, for every door that changes it."""

from django.db import transaction
from django.utils.translation import gettext as _

from capacity.collection import hosts
from capacity.collection.validation import name_problem
from capacity.errors import FieldKeyError, InputError, InstanceHasHistory, InstanceHasNoHost, InstanceInactive
from capacity.models import (
    DatabaseDayStat,
    DatabaseSizeAggregation,
    DatabaseSizeStat,
    Instance,
    InstanceSizeAggregation,
    InstanceSizeStat,
)

HISTORY = (
    DatabaseSizeStat,
    DatabaseDayStat,
    InstanceSizeStat,
    DatabaseSizeAggregation,
    InstanceSizeAggregation,
)


class InvalidName(InputError):
    code = "invalid_name"


def check_name(name: str) -> None:
    """Raises InvalidName for a name that no sample could have either."""
    if problem := name_problem(name):
        raise InvalidName(problem[1])


def check_host(host: str) -> None:
    """Raises HostRefused; no host is fine. Resolves nothing."""
    if host:
        hosts.check_name(host)


def must_repeat_password(stored: Instance, host: str, port: int | None) -> bool:
    """Whether a stored password would go to another server than the one it was given for."""
    if (host, port) == (stored.host, stored.port):
        return False
    try:
        return bool(stored.password)
    except FieldKeyError:
        return True  # there is one, whatever it is


def has_history(instance: Instance) -> bool:
    """Whether there are samples or period rows of it. Four queries at most."""
    return any(model._default_manager.filter(instance=instance).exists() for model in HISTORY)


def delete_instance(instance: Instance) -> None:
    """Deletes an instance that has no history; InstanceHasHistory for any other."""
    with transaction.atomic():
        # Nobody adds a sample between the look and the deletion.
        list(Instance.objects.select_for_update().filter(pk=instance.pk).values_list("pk"))
        if has_history(instance):
            raise InstanceHasHistory(
                _(
                    "%(name)s has samples or period rows: deactivate it instead. `manage.py purge_instance` deletes "
                    "its history too."
                )
                % {"name": instance.name}
            )
        instance.delete()


def check_active(instance: Instance) -> None:
    """Raises InstanceInactive."""
    if not instance.is_active:
        raise InstanceInactive(_("%(name)s is inactive: activate it first.") % {"name": instance.name})


def check_collectable(instance: Instance) -> None:
    """Raises InstanceInactive or InstanceHasNoHost."""
    check_active(instance)
    if not instance.host:
        raise InstanceHasNoHost(
            _("%(name)s has no host, so its samples are only pushed: give it a host first.") % {"name": instance.name}
        )

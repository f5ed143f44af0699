"""The rules of the inventory, for every door that changes it."""

from django.utils.translation import gettext as _

from capacity.collection import hosts
from capacity.collection.validation import name_problem
from capacity.errors import FieldKeyError, InputError, InstanceHasNoHost, InstanceInactive
from capacity.models import Instance


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

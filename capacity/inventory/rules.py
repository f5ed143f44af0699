"""The rules of the inventory, for every door that changes it."""

import ssl

from django.utils.translation import gettext as _

from capacity.collection import hosts
from capacity.collection.sources import SOURCES
from capacity.collection.validation import name_problem
from capacity.errors import FieldKeyError, InputError, InstanceHasNoHost, InstanceInactive
from capacity.models import Instance


class InvalidName(InputError):
    code = "invalid_name"


class InvalidCertificates(InputError):
    code = "invalid_certificates"


def check_name(name: str) -> None:
    """Raises InvalidName for a name that no sample could have either."""
    if problem := name_problem(name):
        raise InvalidName(problem[1])


def check_host(host: str) -> None:
    """Raises HostRefused; no host is fine. Resolves nothing."""
    if host:
        hosts.check_name(host)


def check_tls_ca(pem: str) -> None:
    """Raises InvalidCertificates unless it is PEM that TLS can use; none is fine."""
    if not pem:
        return
    try:
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError):
        raise InvalidCertificates(
            _("These are no certificates: paste them with their BEGIN CERTIFICATE and END CERTIFICATE lines.")
        ) from None


def must_repeat_password(stored: Instance, db_type: str, host: str, port: int | None) -> bool:
    """Whether a stored password would go to another service than the one it was given for.

    An empty port is the usual one of the engine, so that another engine is another service at the same address.
    """
    now = (stored.db_type, stored.host, _effective_port(stored.db_type, stored.port))
    if (db_type, host, _effective_port(db_type, port)) == now:
        return False
    try:
        return bool(stored.password)
    except FieldKeyError:
        return True  # there is one, whatever it is


def _effective_port(db_type: str, port: int | None) -> int | None:
    """The port that is connected to; None: such an engine is not connected to."""
    return port or (SOURCES[db_type].default_port if db_type in SOURCES else None)


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

"""The rules of the inventory, for every door that changes it."""

import ssl

from django.utils.translation import gettext as _

from capacity.errors import InputError, InstanceHasNoHost, InstanceInactive
from capacity.models import Instance


class InvalidCertificates(InputError):
    code = "invalid_certificates"


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


def check_active(instance: Instance) -> None:
    """Raises InstanceInactive."""
    if not instance.is_active:
        raise InstanceInactive(_("%(name)s is inactive: activate it first.") % {"name": instance.name})


def check_collectable(instance: Instance) -> None:
    """Raises InstanceInactive or InstanceHasNoHost. One query."""
    check_active(instance)
    if not Instance.objects.collectable().filter(pk=instance.pk).exists():
        raise InstanceHasNoHost(
            _("%(name)s has no host, so its samples are only pushed: give it a host first.") % {"name": instance.name}
        )

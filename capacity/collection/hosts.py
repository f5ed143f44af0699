"""Which hosts may be collected from.

People with access to the inventory name them, so they are checked like any input: whoever may add an
instance must not reach the socket files of this machine or the metadata service of its cloud.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.utils.translation import gettext as _

from capacity.errors import CapacityError, InputError

MAX_LENGTH = 253  # of a DNS name

# Loopback and private networks are allowed: that is where databases are.
REFUSED_NETWORKS = tuple(
    ip_network(cidr)
    for cidr in (
        "0.0.0.0/8",  # unspecified: connects to this machine itself
        "169.254.0.0/16",  # link-local; the metadata service of most clouds
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "100.100.100.200/32",  # metadata: Alibaba Cloud
        "168.63.129.16/32",  # metadata: Azure
        "192.0.0.192/32",  # metadata: Oracle Cloud
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::254/128",  # metadata: AWS
        "fd20:ce::254/128",  # metadata: Google Cloud
    )
)
#: IPv6 networks whose addresses end in an IPv4 address, which is the one that is reached.
EMBEDDING_NETWORKS = (ip_network("::ffff:0:0/96"), ip_network("64:ff9b::/96"))


class HostRefused(InputError):
    """A host that is never connected to; the message says why."""

    code = "host_refused"


class HostUnknown(CapacityError):
    """A name that resolves to no address."""

    code = "unknown_host"


def check_name(host: str) -> None:
    """Raises HostRefused unless `host` is one host name, or an IP address that may be collected from.

    Asks nobody: what a name stands for is looked at when it is connected to.
    """
    if not host:
        raise HostRefused(_("The instance has no host."))
    if len(host) > MAX_LENGTH:
        raise HostRefused(_("The host is longer than %(limit)d characters.") % {"limit": MAX_LENGTH})
    for character in "" if _is_address(host) else host:
        if not (character.isalnum() or character in "-_."):
            # repr: a control character must not reach a terminal or a log as it is.
            raise HostRefused(
                _(
                    "The host %(host)r has a %(character)r in it: give one host name or IP address, "
                    "without path, port, user or further hosts."
                )
                % {"host": host, "character": character}
            )
    try:
        written = _addresses(host, socket.AI_NUMERICHOST)  # 0x7F000001 is an address as well
    except (socket.gaierror, UnicodeError):
        return  # a name
    for address in written:
        _check_address(host, address)


def check_host(host: str) -> list[str]:
    """The IP addresses of `host`, to connect to as they are: a second look-up might answer otherwise.

    Raises HostRefused when the name is malformed, or one of its addresses is link-local, multicast,
    unspecified, a cloud's metadata service, or outside WHALEFALL_COLLECT_NETWORKS (when that names any);
    HostUnknown when there is no address. Asks DNS; does not touch the database.
    """
    check_name(host)
    try:
        addresses = _addresses(host)
    except (socket.gaierror, UnicodeError):
        raise HostUnknown(
            _("The host %(host)s is not known: check its name, and the DNS of this machine.") % {"host": host}
        ) from None
    for address in addresses:
        _check_address(host, address)
    return addresses


def _addresses(host: str, flags: int = 0) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(str(sockaddr[0]) for *_family, sockaddr in found))


def _check_address(host: str, text: str) -> None:
    address = _embedded(ip_address(text))
    names = {"host": host, "address": text}
    # An IPv4 address is in no IPv6 network and the other way round.
    if any(address in network for network in REFUSED_NETWORKS):
        raise HostRefused(
            _(
                "The host %(host)s is %(address)s, a link-local, multicast, unspecified or cloud metadata address: "
                "no database is collected from there."
            )
            % names
        )
    allowed = [ip_network(cidr, strict=False) for cidr in settings.WHALEFALL_COLLECT_NETWORKS]
    if allowed and not any(address in network for network in allowed):
        raise HostRefused(
            _("The host %(host)s is %(address)s, which is outside the networks of WHALEFALL_COLLECT_NETWORKS.") % names
        )


def _is_address(host: str) -> bool:
    try:
        # A scope ("%eth0") is free text, and only link-local addresses have one.
        return "%" not in host and bool(ip_address(host))
    except ValueError:
        return False


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one that maps or translates to it; else the address itself."""
    if any(address in network for network in EMBEDDING_NETWORKS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address

"""Which hosts may be collected from.

People with access to the inventory name them, so they are checked like any input: whoever may add an
instance must not reach the socket files of this machine or the metadata service of its cloud.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.utils.translation import gettext as _

from capacity.errors import CapacityError, InputError

COLLECT = "WHALEFALL_COLLECT_NETWORKS"  #: the setting that says where may be collected from
NOTIFY = "WHALEFALL_NOTIFY_NETWORKS"  #: the setting that says where messages may go
MAX_LENGTH = 253  # of a DNS name

#: What `ipaddress` does not know as link-local, multicast, reserved or unspecified. Loopback and private networks
#: are allowed: that is where databases are.
REFUSED_NETWORKS = tuple(
    ip_network(cidr)
    for cidr in (
        "0.0.0.0/8",  # "this network": connects to this machine itself
        "100.100.100.200/32",  # metadata: Alibaba Cloud
        "168.63.129.16/32",  # metadata: Azure
        "192.0.0.192/32",  # metadata: Oracle Cloud
        "fd00:ec2::254/128",  # metadata: AWS
        "fd20:ce::254/128",  # metadata: Google Cloud
    )
)
#: IPv6 networks of whose addresses the last 32 bits are an IPv4 address, which is the one that is reached:
#: compatible (RFC 4291, 2.5.5.1), translated (RFC 2765) and NAT64 (RFC 6052).
EMBEDDING_NETWORKS = tuple(ip_network(cidr) for cidr in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96"))
LOCAL_NAT64 = ip_network("64:ff9b:1::/48")  #: RFC 8215; how long its prefix is, each site decides
#: The middle of an ISATAP address (RFC 5214, 6.1), with the bit that says "unique" and without.
ISATAP = (0x00005EFE, 0x02005EFE)


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


def check_host(host: str, networks: str = COLLECT) -> list[str]:
    """The IP addresses of `host`, to connect to as they are: a second look-up might answer otherwise.

    Raises HostRefused when the name is malformed, or one of its addresses is link-local, multicast, unspecified, a
    cloud's metadata service, or outside the networks of the setting `networks` (when that names any); HostUnknown
    when there is no address. Asks DNS; does not touch the database.
    """
    check_name(host)
    try:
        addresses = _addresses(host)
    except (socket.gaierror, UnicodeError):
        raise HostUnknown(
            _("The host %(host)s is not known: check its name, and the DNS of this machine.") % {"host": host}
        ) from None
    for address in addresses:
        _check_address(host, address, networks)
    return addresses


def _addresses(host: str, flags: int = 0) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(str(sockaddr[0]) for *_family, sockaddr in found))


def _check_address(host: str, text: str, networks: str = COLLECT) -> None:
    names = {"host": host, "address": text, "setting": networks}
    spelled = ip_address(text)
    inside = _inside(spelled)
    if any(_is_refused(address) for address in (spelled, *inside)):
        raise HostRefused(
            _(
                "The host %(host)s is %(address)s, a link-local, multicast, unspecified or cloud metadata address: "
                "nothing is connected to there."
            )
            % names
        )
    allowed = [ip_network(cidr, strict=False) for cidr in getattr(settings, networks)]
    reached = inside[0] if inside else spelled
    if allowed and not any(reached in network for network in allowed):
        raise HostRefused(_("The host %(host)s is %(address)s, which is outside the networks of %(setting)s.") % names)


def _is_address(host: str) -> bool:
    try:
        # A scope ("%eth0") is free text, and only link-local addresses have one.
        return "%" not in host and bool(ip_address(host))
    except ValueError:
        return False


def _is_refused(address: IPv4Address | IPv6Address) -> bool:
    # An IPv4 address is in no IPv6 network and the other way round. Some of IPv6 is "reserved" that holds IPv4.
    reserved = address.version == 4 and address.is_reserved
    unusual = address.is_link_local or address.is_multicast or address.is_unspecified or reserved
    return unusual or any(address in network for network in REFUSED_NETWORKS)


def _inside(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses to which an IPv6 one may lead, the likeliest first; none for most.

    That of a mapped, compatible, translated, 6to4 or ISATAP address, the server and the client of a Teredo one.
    """
    if isinstance(address, IPv4Address) or address.is_unspecified or address.is_loopback:
        return []
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped or any(address in network for network in EMBEDDING_NETWORKS):
        return [last]
    if address in LOCAL_NAT64:
        # RFC 6052, 2.2: prefixes of 48, 56 and 64 bits, with an octet in between that is no part of it.
        octets = address.packed[:8] + address.packed[9:]
        shorter = [octets[first : first + 4] for first in (6, 7, 8)]
        return [last, *(IPv4Address(four) for four in shorter if four[0])]
    if address.sixtofour:
        return [address.sixtofour]
    if address.teredo:
        return list(address.teredo)
    return [last] if int(address) >> 32 & 0xFFFFFFFF in ISATAP else []

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """Whose request it is: the address of the connection, or of the client before the proxies that are ours.

    X-Forwarded-For is read from its end, one step further for each address that is in WHALEFALL_TRUSTED_PROXIES:
    what stands before was written by somebody who is not trusted, and may say anything.
    """
    address = _parsed(request.META.get("REMOTE_ADDR", ""))
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while hops and address is not None and _is_trusted(address):
        before = _parsed(hops.pop())
        if before is None:
            break
        address = before
    return None if address is None else str(address)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    # One client must not have two addresses: ::ffff:192.0.2.7 is 192.0.2.7.
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: IPv4Address | IPv6Address) -> bool:
    return any(address in ip_network(network) for network in settings.WHALEFALL_TRUSTED_PROXIES)

"""HTTP to hosts that staff type: checked at every request, connected to by the very address that was checked."""

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3
from django.utils.translation import gettext as _

from capacity.errors import CapacityError, InputError

from .hosts import COLLECT, check_host, check_name
from .sources import gate

TIMEOUT = 10.0  #: seconds, for connecting and between two reads
ANSWER_LIMIT = 4096  #: bytes of an answer that are read, unless the caller needs more
HEADERS = 128 * 1024  #: bytes that may come beside the answer itself: its headers, and those of TLS


class AddressRefused(InputError):
    """A URL that nothing is sent to; the message says why."""

    code = "address_refused"


class WebError(CapacityError):
    """No answer: the host refuses, is silent, or its certificate does not hold. Worth another try."""

    code = "no_answer"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes  #: cut at the limit asked for
    retry_after: int | None = None  #: seconds, when the server says so

    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def check_url(url: str) -> None:
    """Raises AddressRefused or HostRefused unless `url` is http(s) with one plain host. Asks nobody."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AddressRefused(_("Give a whole address that begins with https:// (or http://)."))
    if parts.username or parts.password:
        raise AddressRefused(_("Give user and password in their own fields, not inside the address."))
    try:
        parts.port  # noqa: B018 - it raises for what is no port
    except ValueError:
        raise AddressRefused(_("The port in the address is no number from 1 to 65535.")) from None
    check_name(parts.hostname)


def request(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    ca: str = "",
    timeout: float = TIMEOUT,
    limit: int = ANSWER_LIMIT,
    deadline: float | None = None,
    networks: str = COLLECT,
) -> Answer:
    """Sends one request and reads at most `limit` bytes of its answer; follows no redirect, tries once.

    `deadline`: seconds for all of it, which hold for a server that says a byte now and then as well. `networks`: the
    setting that names where it may go.

    `ca` is a PEM text to check the certificate against in place of the system's. Raises AddressRefused,
    HostRefused or HostUnknown before anything is sent, WebError when there is no answer in time.
    """
    check_url(url)
    parts = urlsplit(url)
    host = parts.hostname or ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # A second look-up might answer otherwise: the name is only for the certificate and the Host header.
    address = check_host(host, networks)[0]
    port = parts.port or (443 if parts.scheme == "https" else 80)
    named = {"Host": parts.netloc, "User-Agent": "WhaleFall", **(headers or {})}
    timeouts = urllib3.Timeout(connect=timeout, read=timeout)
    pool: urllib3.HTTPConnectionPool
    way: gate.Gate | None = None
    try:
        if deadline is not None:
            way = gate.Gate(address, port, timeout, time.monotonic() + deadline)
            way.expect(deadline, limit + HEADERS)
            address, port = gate.LOOPBACK, way.port
        if parts.scheme == "https":
            context = ssl.create_default_context(cadata=ca or None)
            pool = urllib3.HTTPSConnectionPool(
                address, port, timeout=timeouts, ssl_context=context, server_hostname=host, assert_hostname=host
            )
        else:
            pool = urllib3.HTTPConnectionPool(address, port, timeout=timeouts)
        with pool:
            answer = pool.urlopen(
                method, target, body=body, headers=named, redirect=False, retries=False, preload_content=False
            )
            try:
                content = answer.read(limit, decode_content=True)
            finally:
                answer.close()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        reason = _("no whole answer in time") if way and way.failure == gate.TIMEOUT else _reason(error)
        raise WebError(_("%(host)s gives no answer: %(reason)s") % {"host": parts.netloc, "reason": reason}) from error
    finally:
        if way:
            way.close()
    after = answer.headers.get("Retry-After", "")
    return Answer(answer.status, content, int(after) if after.isdecimal() else None)


def _reason(error: BaseException) -> str:
    """The innermost cause of what urllib3 raises: the outer ones have the address of an object in them."""
    inner: object = getattr(error, "reason", None) or error.__cause__ or error
    return str(inner).rpartition("object at 0x")[2].partition(": ")[2] or str(inner)

"""Where a stored password may go."""

from capacity.errors import FieldKeyError
from capacity.models import Instance, TlsMode

from .sources import SOURCES


def must_repeat_password(stored: Instance, db_type: str, host: str, port: int | None) -> bool:
    """Whether a stored password would go to another service than the one it was given for.

    An empty port is the usual one of the engine, so that another engine is another service at the same address.
    """
    now = (stored.db_type, stored.host, _effective_port(stored.db_type, stored.port))
    return (db_type, host, _effective_port(db_type, port)) != now and _has_password(stored)


def is_less_protected(stored: Instance, tls_mode: str, tls_ca: str) -> bool:
    """Whether a stored password would go over a line that protects it less, or trusts others."""
    order = TlsMode.values  # from the least to the most
    weaker = order.index(tls_mode) < order.index(stored.tls_mode)
    others = tls_mode == stored.tls_mode == TlsMode.VERIFY_FULL and tls_ca != stored.tls_ca
    return (weaker or others) and _has_password(stored)


def _has_password(stored: Instance) -> bool:
    try:
        return bool(stored.password)
    except FieldKeyError:
        return True  # there is one, whatever it is


def _effective_port(db_type: str, port: int | None) -> int | None:
    """The port that is connected to; None: such an engine is not connected to."""
    return port or (SOURCES[db_type].default_port if db_type in SOURCES else None)

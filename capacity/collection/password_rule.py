"""Where a stored password may go."""

from capacity.errors import FieldKeyError
from capacity.models import Instance

from .sources import SOURCES


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

"""System checks: what would let WhaleFall start now and go wrong later.

They run with every start: `manage.py` commands, and wsgi.py for a web server. Like Django's own checks they
are not translated.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, register
from django.db import Error as DatabaseFault
from django.db import NotSupportedError, connection

from capacity.models import CapacityState

#: The oldest versions that run every statement; 3.35 is the first SQLite with RETURNING.
OLDEST = {"postgresql": (14,), "sqlite": (3, 35)}


@register()
def check_database(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """E001 another time zone than that of the samples, E002 too old, E004 (I001) no answer.

    A database that does not answer is an error for those who ask for it by name (migrate, a web server) and
    else a remark, so that `check --deploy` can be run where there is none yet.
    """
    name = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
    oldest = OLDEST[connection.vendor]
    try:
        found = connection.get_database_version()
        if found >= oldest:
            return _check_time_zone()
        reason = f"{name} {_dotted(found)} was found"
    except NotSupportedError as error:  # Django's own limit, met while connecting
        reason = str(error)
    except DatabaseFault as error:
        text = f"The database cannot be used: {str(error).strip()}"
        hint = "Start it, or set DATABASE_URL to one that this machine reaches."
        return [Error(text, hint, id="whalefall.E004") if databases else Info(text, hint, id="whalefall.I001")]
    return [
        Error(
            f"The database is too old: {reason}, WhaleFall needs {name} {_dotted(oldest)} or newer.",
            hint="Upgrade it, or set DATABASE_URL to a newer one.",
            id="whalefall.E002",
        )
    ]


def _check_time_zone() -> list[CheckMessage]:
    if CapacityState._meta.db_table not in connection.introspection.table_names():
        return []  # before the first migrate
    of_samples = CapacityState.objects.filter(pk=1).values_list("time_zone", flat=True).first()
    if of_samples in (None, settings.TIME_ZONE):
        return []
    return [
        Error(
            f"WHALEFALL_TIME_ZONE is {settings.TIME_ZONE}, but the days of the samples in this database were made "
            f"in {of_samples}: old and new days would not fit together.",
            hint=f"Set WHALEFALL_TIME_ZONE={of_samples}. For another zone, import the samples into a new database.",
            id="whalefall.E001",
        )
    ]


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


@register()
def check_debug(**kwargs: Any) -> list[CheckMessage]:
    """E003 DEBUG, whose error pages show settings and data, on a host that others reach."""
    public = [host for host in settings.ALLOWED_HOSTS if not _is_local(host)]
    if not settings.DEBUG or not public:
        return []
    return [
        Error(
            f"DEBUG is on while ALLOWED_HOSTS names {', '.join(public)}: error pages would show settings and data.",
            hint="Set DEBUG=false, or leave ALLOWED_HOSTS unset on a developer's machine.",
            id="whalefall.E003",
        )
    ]


def _is_local(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lstrip(".") == "localhost" or host.endswith(".localhost")

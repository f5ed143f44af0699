"""System checks: what would let WhaleFall start now and go wrong later.

They run with every start: `manage.py` commands, and wsgi.py for a web server. Like Django's own checks they
are not translated.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.db import Error as DatabaseFault
from django.db import NotSupportedError, connection
from django_celery_beat.models import PeriodicTask

from capacity.models import CapacityState
from capacity.upkeep.rezone import schedules_elsewhere

#: The oldest versions that run every statement; 3.35 is the first SQLite with RETURNING.
OLDEST = {"postgresql": (14,), "sqlite": (3, 35)}


@register()
def check_database(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """E001 another time zone than that of the samples, W001 or of the schedules, E002 too old, E004 (I001) no answer.

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
    tables = connection.introspection.table_names()
    # Not before the first migrate; and one thing after the other.
    found = _check_zone_of_samples() if CapacityState._meta.db_table in tables else []
    if not found and PeriodicTask._meta.db_table in tables:
        found = _check_zone_of_schedules()
    return found


def _check_zone_of_samples() -> list[CheckMessage]:
    of_samples = CapacityState.objects.filter(pk=1).values_list("time_zone", flat=True).first()
    if of_samples in (None, settings.TIME_ZONE):
        return []
    return [
        Error(
            f"WHALEFALL_TIME_ZONE is {settings.TIME_ZONE}, but the days of the samples in this database were made "
            f"in {of_samples}: old and new days would not fit together.",
            hint=f"Set WHALEFALL_TIME_ZONE={of_samples}. If it was changed on purpose, stop the web server, workers "
            "and beat, run `manage.py rezone`, and start them again.",
            id="whalefall.E001",
        )
    ]


def _check_zone_of_schedules() -> list[CheckMessage]:
    elsewhere = list(schedules_elsewhere().order_by("name").values_list("name", "crontab__timezone"))
    if not elsewhere:
        return []
    names = ", ".join(f"{name} ({zone})" for name, zone in elsewhere)
    return [
        Warning(
            f"WHALEFALL_TIME_ZONE is {settings.TIME_ZONE}, but these schedules go by another one: {names}. They may "
            "run before the day is over that they are about.",
            hint=f"Set their crontabs to {settings.TIME_ZONE} in the admin, or run `manage.py rezone`.",
            id="whalefall.W001",
        )
    ]


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


@register()
def check_celery_time_zone(**kwargs: Any) -> list[CheckMessage]:
    """E005 Celery in another time zone than the product: beat would read crontabs in it."""
    if settings.CELERY_TIMEZONE == settings.TIME_ZONE:
        return []
    return [
        Error(
            f"CELERY_TIMEZONE is {settings.CELERY_TIMEZONE}, but TIME_ZONE is {settings.TIME_ZONE}: what beat starts "
            "would run at other hours than its schedule says.",
            hint="Leave both to WHALEFALL_TIME_ZONE, as whalefall/settings.py has them.",
            id="whalefall.E005",
        )
    ]


@register(deploy=True)
def check_metrics_token(**kwargs: Any) -> list[CheckMessage]:
    """I002 /metrics is closed, which may be meant."""
    if settings.WHALEFALL_METRICS_TOKEN or settings.METRICS_WITHOUT_TOKEN:
        return []
    text = "/metrics is closed, as WHALEFALL_METRICS_TOKEN is not set."
    return [Info(text, hint="Set a long random text, and have Prometheus send it.", id="whalefall.I002")]


@register(deploy=True)
def check_trusted_proxies(**kwargs: Any) -> list[CheckMessage]:
    """I003 no proxy is named: behind one, all clients have its address."""
    if settings.WHALEFALL_TRUSTED_PROXIES:
        return []
    return [
        Info(
            "No proxy is trusted, as WHALEFALL_TRUSTED_PROXIES is not set: behind one, all clients have its address, "
            "and five wrong passwords lock a name for everybody.",
            hint="Set the address that the proxy connects from, such as WHALEFALL_TRUSTED_PROXIES=127.0.0.1.",
            id="whalefall.I003",
        )
    ]


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

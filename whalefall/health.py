"""/healthz: this process answers. /readyz: so do the services that it needs."""

from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import connection
from django.http import HttpRequest, JsonResponse
from redis import Redis
from redis.exceptions import RedisError

from sync_sessions.life import signs

log = structlog.get_logger(__name__)


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")


def _ask_broker() -> None:
    client = Redis.from_url(settings.CELERY_BROKER_URL, socket_timeout=1, socket_connect_timeout=1)
    try:
        client.ping()
    finally:
        client.close()


def _others() -> dict[str, str]:
    """{service: "ok", or for how long it has been silent}."""
    words = {}
    for sign in signs():
        silence = f" for {sign.age.total_seconds():.0f} s" if sign.age else ", ever"
        words[str(sign.service)] = f"no sign of life{silence}" if sign.is_silent else "ok"
    return words


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200, or 503 with the service that does not answer; why is in the log alone.

    A worker or a beat that is silent is said and changes nothing: this process does its work without them.
    """
    services: dict[str, Callable[[], None]] = {"database": _ask_database}
    if settings.CELERY_BROKER_URL:
        services["broker"] = _ask_broker
    states = {}
    for name, ask in services.items():
        try:
            ask()
            states[name] = "ok"
        except (DatabaseFault, RedisError) as error:
            log.error("readyz.no_answer", service=name, error=str(error))
            states[name] = "no answer"
    ready = set(states.values()) == {"ok"}
    if states["database"] == "ok":
        states |= _others()
    return JsonResponse({"status": "ok" if ready else "not ready", **states}, status=200 if ready else 503)

"""Signs of life of the worker and of beat: without the one nothing queued begins, without the other no schedule runs.

Each has a row, which a process of its kind moves while it lives; pages, /readyz, /metrics and alerts read it here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from .choices import Service
from .common.durations import duration_text
from .models import SignOfLife

EVERY = timedelta(seconds=20)  #: how often a living process gives one
SILENT_AFTER = timedelta(seconds=90)  #: of several workers all are silent then


@dataclass(frozen=True)
class Sign:
    service: Service
    at: datetime | None  #: the last one; None: it never gave one
    age: timedelta | None  #: of it, by the database's clock

    @property
    def is_silent(self) -> bool:
        return self.age is None or self.age > SILENT_AFTER


def give_sign(service: Service) -> None:
    """Moves the row of a service, by the database's clock. One statement; raises django.db.Error."""
    SignOfLife.objects.bulk_create(
        [SignOfLife(service=service, seen_at=Now())],
        update_conflicts=True,
        unique_fields=["service"],
        update_fields=["seen_at"],
    )


def signs() -> list[Sign]:
    """Of every service, in the order of `Service`; none where there is no broker, as nothing needs them. One query."""
    if not settings.CELERY_BROKER_URL:
        return []
    rows = SignOfLife.objects.values_list("service", "seen_at", Now() - F("seen_at"))
    found = {service: (at, age) for service, at, age in rows}
    return [Sign(service, *found.get(service, (None, None))) for service in Service]


def silent(*services: Service) -> list[Sign]:
    """Those of these services, or of all, that give no sign. One query."""
    return [sign for sign in signs() if sign.is_silent and sign.service in (services or Service)]


def silence_text(sign: Sign) -> str:
    """What people are told of one that is silent: for how long, what comes of it, and what to do."""
    names = {"service": f"whalefall-{sign.service}"}
    if sign.age is None:
        if sign.service == Service.WORKER:
            return _("No worker has ever run: what is queued waits. Start the service %(service)s.") % names
        return _("Beat has never run: no schedule runs. Start the service %(service)s.") % names
    names["time"] = duration_text(sign.age.total_seconds())
    if sign.service == Service.WORKER:
        text = _(
            "No worker has given a sign of life for %(time)s: what is queued waits. Check the service %(service)s."
        )
    else:
        text = _("Beat has given no sign of life for %(time)s: no schedule runs. Check the service %(service)s.")
    return text % names


def why_queued_runs_wait() -> str:
    """That no worker lives, in words; "" if one does, or if none is needed. One query."""
    return next(map(silence_text, silent(Service.WORKER)), "")

"""Signs of life of the worker and of beat: without the one nothing queued begins, without the other no schedule runs.

Each has a row, which a process of its kind moves while it lives; pages, /readyz, /metrics and alerts read it here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from .choices import Service
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

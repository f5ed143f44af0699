"""The default schedules. They live in django-celery-beat, where staff edit them; only missing ones are made."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from capacity.aggregation.periods import PERIOD_CONFIG, Crontab

PREFIX = "WhaleFall: "


@dataclass(frozen=True)
class DefaultSchedule:
    name: str  #: what an existing one is known by
    task: str
    crontab: Crontab
    kwargs: dict[str, Any]
    description: str


def default_schedules() -> Iterator[DefaultSchedule]:
    yield DefaultSchedule(
        f"{PREFIX}collect",
        "capacity.collect_capacity",
        Crontab("0", "3"),
        {},
        "Collects from every active instance that has a host.",
    )
    for config in PERIOD_CONFIG:
        yield DefaultSchedule(
            f"{PREFIX}aggregate {config.key}",
            "capacity.run_capacity_aggregation",
            config.crontab,
            {"periods": [config.key]},
            "Aggregates the complete periods of this kind that new samples have outdated.",
        )
    yield DefaultSchedule(
        f"{PREFIX}purge",
        "capacity.purge_samples",
        Crontab("30", "5"),
        {},
        "Deletes samples and sessions older than their retention.",
    )
    yield DefaultSchedule(
        f"{PREFIX}fail dead sessions",
        "sync_sessions.fail_stale_sessions",
        Crontab("*", "*"),
        {},
        "Fails the sessions whose process has died.",
    )


def install_schedules() -> list[str]:
    """Creates the default schedules that are missing, by name; gives the names of those it made.

    What exists is left as staff made it, switched off ones included.
    """
    made = []
    with transaction.atomic():
        existing = set(PeriodicTask.objects.values_list("name", flat=True))
        for default in default_schedules():
            if default.name not in existing:
                # In the product's zone: a crontab of django-celery-beat is in UTC unless it is told.
                when = {**default.crontab._asdict(), "timezone": settings.TIME_ZONE}
                # Not get_or_create: the admin lets staff make the same crontab twice.
                crontab = CrontabSchedule.objects.filter(**when).first() or CrontabSchedule.objects.create(**when)
                PeriodicTask.objects.create(
                    name=default.name,
                    task=default.task,
                    crontab=crontab,
                    kwargs=json.dumps(default.kwargs),
                    description=default.description,
                )
                made.append(default.name)
    return made

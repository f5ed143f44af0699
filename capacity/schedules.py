"""The default schedules. They live in django-celery-beat, where staff edit them; only missing ones are made."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop
from django_celery_beat.models import PeriodicTask

from capacity.scheduling.job import TASKS, Job, What
from capacity.scheduling.store import crontab_row

from .periods import PERIOD_CONFIG, Crontab

PREFIX = "WhaleFall: "
REPORT_NAME = f"{PREFIX}send the report"  #: off until a channel wants it


@dataclass(frozen=True)
class DefaultSchedule:
    name: str  #: what an existing one is known by
    task: str
    crontab: Crontab
    kwargs: dict[str, Any]
    description: str
    enabled: bool = True


#: Stored in English, and shown in the reader's language; who renames one has named it.
NAMES = (
    gettext_noop("WhaleFall: collect"),
    gettext_noop("WhaleFall: aggregate daily"),
    gettext_noop("WhaleFall: aggregate weekly"),
    gettext_noop("WhaleFall: aggregate monthly"),
    gettext_noop("WhaleFall: aggregate quarterly"),
    gettext_noop("WhaleFall: forecasts"),
    gettext_noop("WhaleFall: largest tables"),
    gettext_noop("WhaleFall: purge"),
    gettext_noop("WhaleFall: fail dead sessions"),
    gettext_noop("WhaleFall: send messages"),
    gettext_noop("WhaleFall: send the report"),
)


def default_schedules() -> Iterator[DefaultSchedule]:
    yield DefaultSchedule(
        f"{PREFIX}collect",
        TASKS[Job.COLLECT],
        Crontab("0", "3"),
        {},
        gettext_noop("Collects from every active instance that has a host."),
    )
    for config in PERIOD_CONFIG:
        yield DefaultSchedule(
            f"{PREFIX}aggregate {config.key}",
            TASKS[Job.AGGREGATE],
            config.crontab,
            What(Job.AGGREGATE.value, (config.key,)).kwargs(),
            gettext_noop("Aggregates the complete periods of this kind that new samples have outdated."),
        )
    yield DefaultSchedule(
        f"{PREFIX}forecasts",
        TASKS[Job.INSIGHT],
        Crontab("30", "5"),
        {},
        gettext_noop("Makes forecasts and finds events of the instances whose day rows changed."),
    )
    yield DefaultSchedule(
        f"{PREFIX}largest tables",
        TASKS[Job.TABLES],
        Crontab("0", "6", day_of_week="1"),
        {},
        gettext_noop("Measures the largest tables of the databases that jumped, dropped or appeared."),
    )
    yield DefaultSchedule(
        f"{PREFIX}purge",
        TASKS[Job.PURGE],
        Crontab("30", "5"),
        {},
        gettext_noop("Deletes samples and sessions older than their retention."),
    )
    yield DefaultSchedule(
        f"{PREFIX}fail dead sessions",
        TASKS[Job.REAP],
        Crontab("*", "*"),
        {},
        gettext_noop("Fails the sessions whose process has died."),
    )
    yield DefaultSchedule(
        f"{PREFIX}send messages",
        TASKS[Job.NOTIFY],
        Crontab("*", "*"),
        {},
        gettext_noop("Sends the messages about alerts that wait to be sent."),
    )
    yield DefaultSchedule(
        REPORT_NAME,
        TASKS[Job.REPORT],
        Crontab("0", "6", day_of_month="1"),
        {},
        gettext_noop("Mails the report of the last month to the channels that want it."),
        enabled=False,
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
                PeriodicTask.objects.create(
                    name=default.name,
                    task=default.task,
                    crontab=crontab_row(default.crontab),
                    kwargs=json.dumps(default.kwargs),
                    description=default.description,
                    enabled=default.enabled,
                )
                made.append(default.name)
    return made

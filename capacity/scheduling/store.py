"""Writing schedules into django-celery-beat. Each function is one transaction, and beat is told."""

import json
from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

from capacity.periods import Crontab

from .job import TASKS, What
from .reading import read
from .times import When


def crontab_row(fields: Crontab) -> CrontabSchedule:
    """The row of a crontab in the product's zone, locked until the transaction ends; made if there is none."""
    # In the product's zone: a crontab of django-celery-beat is in UTC unless it is told.
    when = {**fields._asdict(), "timezone": settings.TIME_ZONE}
    # Not get_or_create: the admin lets people make the same crontab twice.
    existing = CrontabSchedule.objects.select_for_update().filter(**when).order_by("pk").first()
    return existing or CrontabSchedule.objects.create(**when)


def save_schedule(task: PeriodicTask, what: What, when: When) -> None:
    """Saves a row with that meaning, whatever else was set on it before.

    What means the same already keeps its text. A crontab that others share is never touched: the row gets
    another one, and the old one goes when nothing uses it any more.
    """
    with transaction.atomic():
        before = read(task)
        if before.what != what:
            task.task, task.args, task.kwargs = TASKS[what.job], "[]", json.dumps(what.kwargs())
        old = task.crontab_id
        if before.when != when or str(before.zone) != settings.TIME_ZONE:
            task.crontab = crontab_row(when.crontab())
            # Beat counts from now on: it would else run at once what the new time has just missed.
            task.last_run_at = None
        task.save()
        if old != task.crontab_id:
            drop_unused([old])


def delete_schedules(tasks: Iterable[PeriodicTask]) -> None:
    """With the crontabs that only they used."""
    with transaction.atomic():
        crontabs = []
        for task in tasks:
            crontabs.append(task.crontab_id)
            task.delete()
        drop_unused(crontabs)


def switch(tasks: Iterable[PeriodicTask], on: bool) -> list[PeriodicTask]:
    """Switches rows on or off, also those that the form cannot show; gives those that were the other way."""
    with transaction.atomic():
        changed = [task for task in tasks if task.enabled != on]
        # Not save(), which refuses a row without times. From now on, as above.
        PeriodicTask.objects.filter(pk__in=[task.pk for task in changed]).update(
            enabled=on, last_run_at=None, date_changed=timezone.now()
        )
        if changed:
            PeriodicTasks.update_changed()
    return changed


def drop_unused(crontabs: Iterable[int | None]) -> None:
    # Locked: whoever is about to use one waits, and whoever already does is seen.
    locked = list(CrontabSchedule.objects.select_for_update().filter(pk__in=[pk for pk in crontabs if pk]))
    for crontab in locked:
        if not PeriodicTask.objects.filter(crontab=crontab).exists():
            crontab.delete()

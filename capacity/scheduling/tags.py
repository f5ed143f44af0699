"""A tag under a new name: schedules know tags by their names, all else that has them by their keys."""

import json
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTasks

from capacity.models import Schedule, Tag

from .job import JOBS


def save_tag(tag: Tag, *, by: Any) -> list[Schedule]:
    """Saves a tag; the schedules that name it name it as it is called now. Gives them, each with an entry in its
    history."""
    with transaction.atomic():
        before = Tag.objects.select_for_update().filter(pk=tag.pk).values_list("name", flat=True).first()
        tag.save()
        return _rename(before, tag.name, by) if before and before != tag.name else []


def _rename(before: str, now: str, by: Any) -> list[Schedule]:
    renamed = []
    for schedule in Schedule.objects.select_for_update().filter(task__in=JOBS).order_by("pk"):
        given = _arguments(schedule)
        names = given.get("tags")
        if isinstance(names, list) and before in names:
            given["tags"] = list(dict.fromkeys(now if name == before else name for name in names))
            # Not save(), which refuses a row without times.
            changes = {"kwargs": json.dumps(given), "date_changed": timezone.now()}
            Schedule.objects.filter(pk=schedule.pk).update(**changes)
            renamed.append(schedule)
    if renamed:
        PeriodicTasks.update_changed()
        LogEntry.objects.log_actions(by.pk, renamed, CHANGE, [{"changed": {"fields": ["Tags"]}}])
    return renamed


def _arguments(schedule: Schedule) -> dict[str, Any]:
    """Of a row that anybody may have written: what makes no sense names no tag."""
    try:
        given = json.loads(schedule.kwargs or "{}")
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}

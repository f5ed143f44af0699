"""Did last night run: what the last scheduled runs left out and why, and schedules that did not fire."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Count
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from capacity.runs import kinds
from capacity.scheduling.overview import Overview, missed_run
from capacity.scheduling.reading import Reading, read
from sync_sessions.admin.cells import moment
from sync_sessions.choices import RecordStatus
from sync_sessions.common.words import noted
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.reasons import explain

REASONS_SHOWN = 5  #: of a run, the most frequent


def left_out(sessions: Iterable[SyncSession]) -> dict[int, list[str]]:
    """{key of a session: why instances failed or were skipped, each with how many}; the most first.

    One query, none when all were done.
    """
    lacking = [one.pk for one in sessions if one.failed_instances or one.skipped_instances]
    if not lacking:
        return {}
    not_done = SyncInstanceRecord.objects.filter(
        session__in=lacking, status__in=[RecordStatus.FAILED, RecordStatus.SKIPPED]
    )
    counts = not_done.order_by().values_list("session", "error_code").annotate(n=Count("pk")).order_by("-n")
    found: defaultdict[int, list[str]] = defaultdict(list)
    for session, code, number in counts:
        if code and len(found[session]) < REASONS_SHOWN:
            found[session].append(noted(explain(code, "").sentence, number))
    return found


Scheduled = list[tuple[PeriodicTask, Reading]]


def schedules() -> tuple[Scheduled, Scheduled]:
    """The schedules that are on, by name: those of the fleet, and those of some tags. One query."""
    tasks = PeriodicTask.objects.filter(enabled=True).select_related("crontab").order_by("name")
    fleet: Scheduled = []
    tagged: Scheduled = []
    for task in tasks:
        reading = read(task)
        (tagged if reading.what and reading.what.tags else fleet).append((task, reading))
    return fleet, tagged


def missed(
    fleet: Scheduled,
    runs: dict[str, SyncSession],
    tagged: Sequence[tuple[PeriodicTask, Overview]],
    open_keys: set[str],
    now: datetime,
) -> list[dict[str, str]]:
    """The schedules that should have fired and of which nothing came. Pure.

    `runs`: the last ended run over the fleet of each kind, whoever started it; `open_keys`: the lock keys of those
    that go on.
    """
    dues = []
    for task, reading in fleet:
        keys = reading.what.lock_keys if reading.what else ()
        own = [runs[kinds.kind_of(key)] for key in keys if kinds.kind_of(key) in runs]
        dues.append((task, reading, missed_run(task, reading, max(own, key=lambda one: one.pk, default=None), now)))
    dues += [(task, overview.reading, overview.missed) for task, overview in tagged]
    found = []
    for task, reading, due in dues:
        going_on = reading.what and open_keys & set(reading.what.lock_keys)
        if due is not None and not going_on:
            url = reverse("admin:capacity_schedule_change", args=[task.pk])
            found.append({"name": task.name, "due": moment(due), "url": url})
    return found

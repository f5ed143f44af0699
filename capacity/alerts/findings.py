"""What a rule finds now: of each target the value, whether the rule holds, and whether it is clear again.

A few statements a rule, however large the fleet. Between holding and clear lies a margin, in which an alert neither
opens nor ends. What cannot be known (no sample, no forecast) is no finding, so absence ends nothing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django_celery_beat.models import PeriodicTask

from capacity.models import (
    AlertLevel,
    AlertRule,
    CapacityEvent,
    DatabaseState,
    Instance,
    InstanceState,
    RuleKind,
)
from capacity.runs.kinds import last_runs
from capacity.scheduling.overview import overviews
from sync_sessions.choices import RecordStatus, SessionStatus
from sync_sessions.models import SyncInstanceRecord

from .asked import EVENT_DAYS, GROWTH_MARGIN, SIZE_MARGIN, Asked, Finding, Target
from .limits import days_until_full, limit_percent
from .selection import Named, instance_ids, wants


def _states(asked: Asked, condition: Q, *fields: str) -> Iterator[tuple[Any, ...]]:
    """(instance id, its name, database name, *fields) of the states that meet the condition, or are live."""
    model: Any = DatabaseState if asked.rule.level == AlertLevel.DATABASE else InstanceState
    database = ["database_name"] if asked.rule.level == AlertLevel.DATABASE else []
    rows = model.objects.filter(condition | Q(instance__in=asked.live_instances), instance__in=asked.ids)
    # In the order of the table: 30,000 rows need no sorting.
    found = rows.order_by().values_list("instance_id", "instance__name", *database, *fields)
    for instance_id, name, *rest in found.iterator(chunk_size=5000):
        row = (instance_id, name, *rest) if database else (instance_id, name, "", *rest)
        if wants(asked.rule, row[2]):
            yield row


def size_over(asked: Asked) -> Iterator[Finding]:
    limit = asked.number("bytes")
    for pk, name, database, size in _states(asked, Q(last_size_bytes__gte=limit), "last_size_bytes"):
        yield Finding(
            Target.of(pk, name, database),
            holds=size >= limit,
            clear=size < limit * SIZE_MARGIN,
            value=size,
            limit=limit,
        )


def growth(asked: Asked) -> Iterator[Finding]:
    days, percent, least = asked.number("days"), asked.number("percent"), asked.number("bytes")
    span = "week" if days == 7 else "month"
    changed = {f"{span}_change_percent__gte": percent, f"{span}_change_bytes__gte": least}
    columns = (f"{span}_change_bytes", f"{span}_change_percent", "last_size_bytes", "last_day")
    for pk, name, database, grown, by, size, day in _states(asked, Q(**changed), *columns):
        if grown is None or by is None:
            continue
        yield Finding(
            Target.of(pk, name, database),
            holds=by >= percent and grown >= least,
            clear=by < percent * GROWTH_MARGIN or grown < least * GROWTH_MARGIN,
            value=float(by),
            limit=percent,
            params={"days": days, "grown": grown, "size": size, "day": day},
        )


def events(asked: Asked) -> Iterator[Finding]:
    """Jumps or drops of the last days; the day is part of the target, so each is an alert of its own."""
    percent, least = asked.number("percent"), asked.number("bytes")
    rows = CapacityEvent.objects.filter(
        kind=asked.rule.kind, day__gt=asked.today - EVENT_DAYS, instance__in=asked.ids
    ).order_by()
    database_level = asked.rule.level == AlertLevel.DATABASE
    rows = rows.exclude(database_name="") if database_level else rows.filter(database_name="")
    columns = ("instance_id", "instance__name", "database_name", "day", "before_bytes", "after_bytes", "usual_bytes")
    new: set[str] = set()
    for pk, name, database, day, before, after, usual in rows.values_list(*columns).iterator(chunk_size=5000):
        change = abs(after - before)
        large = change >= least and 100 * change >= percent * before
        if large and wants(asked.rule, database):
            target = Target.of(pk, name, database, f":{day}")
            new.add(target.key)
            facts = {"day": day, "before": before, "after": after, "usual": usual}
            yield Finding(target, holds=True, clear=False, value=after - before, limit=usual, params=facts)
    for key in set(asked.live) - new:
        yield Finding(Target(key), holds=False, clear=True)


def not_collected(asked: Asked) -> Iterator[Finding]:
    """Of instances that were there already when the first sample was due; by their newest sample."""
    days = asked.number("days")
    due = asked.now - timedelta(days=days)
    last = Instance.objects.filter(pk__in=asked.ids).values_list("pk", "name", "created_at", "state__last_sample_at")
    for pk, name, created, sampled in last.iterator(chunk_size=5000):
        since = sampled or created
        silent = since < due
        target = Target.of(pk, name)
        if silent or target.key in asked.live:
            yield Finding(
                target,
                holds=silent,
                clear=sampled is not None and not silent,
                value=(asked.now - since).days,
                limit=days,
                params={"last": sampled},
            )


def run_failed(asked: Asked) -> Iterator[Finding]:
    if asked.rule.level == AlertLevel.FLEET:
        for kind, session in last_runs().items():
            failed = session.status == SessionStatus.FAILED
            yield Finding(
                Target(f"run:{kind}"),
                holds=failed,
                clear=not failed,
                params={
                    "kind": kind,
                    "session": session.pk,
                    "failed": session.failed_instances,
                    "total": session.total_instances,
                    "code": session.error_code,
                    "reason": session.error_message[:300],
                },
            )
        return
    times = asked.number("times")
    # Of each sort of run by itself: what was collected before can be aggregated, whatever collecting does now.
    runs: dict[tuple[int, str], list[Any]] = {}  # [how often it failed, whether a success stands before, why at last]
    since, over = asked.now - timedelta(days=times + 7), [RecordStatus.COMPLETED, RecordStatus.FAILED]
    ended = SyncInstanceRecord.objects.filter(instance__in=asked.ids, status__in=over, created_at__gt=since)
    worst: dict[int, tuple[int, str, dict[str, str]]] = {}
    columns = ("instance_id", "sync_category", "instance__name", "status", "error_code", "error_message")
    rows = ended.order_by("-pk").values_list(*columns)
    for pk, category, name, status, code, reason in rows.iterator(chunk_size=5000):
        run = runs.setdefault((pk, category), [0, False, {"code": code, "reason": reason[:300]}])
        run[1] = run[1] or status == RecordStatus.COMPLETED  # what is older counts no more
        run[0] += not run[1]
        worst[pk] = max(worst.get(pk, (0, name, {})), (run[0], name, run[2]), key=lambda one: one[0])
    for pk, (count, name, why) in worst.items():
        target = Target.of(pk, name)
        if count >= times or target.key in asked.live:
            holds = count >= times
            yield Finding(target, holds=holds, clear=count == 0, value=count, limit=times, params=why if holds else {})


def schedule_missed(asked: Asked) -> Iterator[Finding]:
    tasks = list(PeriodicTask.objects.filter(enabled=True).select_related("crontab").order_by("pk"))
    for task, overview in zip(tasks, overviews(tasks, asked.now), strict=True):
        target = Target(f"schedule:{task.pk}")
        if overview.missed or target.key in asked.live:
            yield Finding(
                target,
                holds=overview.missed is not None,
                clear=overview.missed is None,
                params={"schedule": task.name, "due": overview.missed},
            )


FINDERS: Mapping[str, Callable[[Asked], Iterator[Finding]]] = {
    RuleKind.DAYS_UNTIL_FULL: days_until_full,
    RuleKind.LIMIT_PERCENT: limit_percent,
    RuleKind.SIZE_OVER: size_over,
    RuleKind.GROWTH: growth,
    RuleKind.JUMP: events,
    RuleKind.DROP: events,
    RuleKind.NOT_COLLECTED: not_collected,
    RuleKind.RUN_FAILED: run_failed,
    RuleKind.SCHEDULE_MISSED: schedule_missed,
}


def find(rule: AlertRule, now: datetime, live: Collection[str] = (), named: Named | None = None) -> Iterator[Finding]:
    """Every target for which the rule holds, and of the `live` ones that are known how they are. Reads only.

    `named`: what it names, of a rule that is not saved yet.
    """
    return FINDERS[rule.kind](Asked(rule, now, live, instance_ids(rule, named or Named.of(rule))))

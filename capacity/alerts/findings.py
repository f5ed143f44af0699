"""What a rule finds now: of each target the value, whether the rule holds, and whether it is clear again.

A few statements a rule, however large the fleet. Between holding and clear lies a margin, in which an alert neither
opens nor ends. What cannot be known (no sample, no forecast) is no finding, so absence ends nothing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from capacity.models import (
    AlertLevel,
    AlertRule,
    CapacityEvent,
    DatabaseState,
    Forecast,
    Instance,
    InstanceState,
    RuleKind,
)
from capacity.runs.kinds import last_runs
from capacity.scheduling.overview import overviews
from sync_sessions.choices import RecordStatus, SessionStatus
from sync_sessions.models import SyncInstanceRecord

from .rules import threshold
from .selection import Named, instance_ids, wants

#: How far back inside its threshold a value must be to be clear: 30 days until full are clear from 37.5 on.
FULL_MARGIN, SIZE_MARGIN, GROWTH_MARGIN = 1.25, 0.95, 0.8
#: An event opens an alert while it is this new; the alert ends by itself then.
EVENT_DAYS = timedelta(days=7)


@dataclass(frozen=True)
class Target:
    """What an alert is about. `key` is its identity for the rule."""

    key: str
    instance_id: int | None = None
    instance_name: str = ""
    database_name: str = ""

    @classmethod
    def of(cls, instance_id: int, instance_name: str, database_name: str = "", suffix: str = "") -> "Target":
        return cls(f"{instance_id}:{database_name}{suffix}", instance_id, instance_name, database_name)


@dataclass(frozen=True)
class Finding:
    target: Target
    holds: bool
    clear: bool
    value: float | None = None
    limit: float | None = None
    params: Mapping[str, Any] = field(default_factory=dict)  #: JSON: what its sentence needs


@dataclass(frozen=True)
class Asked:
    """A rule under evaluation. `live`: the keys of its alerts that have not ended; they are told however they are."""

    rule: AlertRule
    now: datetime
    live: Collection[str]
    ids: Collection[int]  #: of the instances that the rule is about

    def number(self, name: str) -> int:
        return threshold(self.rule, name)

    @property
    def today(self) -> Any:
        return timezone.localdate(self.now)

    @property
    def live_instances(self) -> set[int]:
        return {int(key.split(":")[0]) for key in self.live if key.split(":")[0].isdecimal()}


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


def _forecasts(asked: Asked, condition: Q) -> Iterator[Forecast]:
    """The newest forecasts that meet the condition, or whose alert is live."""
    rows = Forecast.objects.newest().filter(level=asked.rule.level).select_related("instance")
    if asked.rule.level in (AlertLevel.DATABASE, AlertLevel.INSTANCE):
        # What shares a volume is told of once, at the level of the volume.
        rows = rows.filter(condition | Q(instance__in=asked.live_instances), instance__in=asked.ids, shared_key="")
    for one in rows.order_by().iterator(chunk_size=2000):
        if wants(asked.rule, one.database_name):
            yield one


def _of_forecast(one: Forecast) -> Target:
    if one.instance_id is None or one.instance is None:
        return Target(f"volume:{one.shared_key}", instance_name=one.shared_key) if one.shared_key else Target("fleet")
    return Target.of(one.instance_id, one.instance.name, one.database_name)


def days_until_full(asked: Asked) -> Iterator[Finding]:
    days = asked.number("days")
    soon = Q(state="over") | Q(expected_on__lte=asked.today + timedelta(days=days))
    for one in _forecasts(asked, soon):
        left = 0 if one.state == "over" else (one.expected_on - asked.today).days if one.expected_on else None
        if left is None and one.state in ("too_little_history", "no_limit"):
            continue  # nothing is known
        yield Finding(
            _of_forecast(one),
            holds=left is not None and left <= days,
            clear=left is None or left > days * FULL_MARGIN,
            value=left,
            limit=days,
            params={
                "state": one.state,
                "limit_bytes": one.limit_bytes,
                "level_bytes": one.level_bytes,
                "expected_on": one.expected_on,
                "earliest_on": one.earliest_on,
                "latest_on": one.latest_on,
            },
        )


def limit_percent(asked: Asked) -> Iterator[Finding]:
    percent = asked.number("percent")
    for one in _forecasts(asked, Q(limit_bytes__isnull=False)):
        if not one.limit_bytes:
            continue
        used = 100 * one.level_bytes / one.limit_bytes
        target = _of_forecast(one)
        if used >= percent or target.key in asked.live:
            yield Finding(
                target,
                holds=used >= percent,
                clear=used < percent * SIZE_MARGIN,
                value=used,
                limit=percent,
                params={"limit_bytes": one.limit_bytes, "size": one.level_bytes},
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

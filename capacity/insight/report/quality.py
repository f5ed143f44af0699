"""How far the figures of a month can be trusted: what was not collected, and which runs failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, Min
from django.utils import timezone

from capacity.models import Instance, InstanceSizeStat
from capacity.periods import Period
from sync_sessions.choices import RecordStatus
from sync_sessions.models import SyncInstanceRecord

LACKING_SHOWN = 20


@dataclass(frozen=True)
class Lacking:
    instance_id: int
    instance: str
    days: int  #: without a sample
    of: int


@dataclass(frozen=True)
class FailureGroup:
    category: str
    code: str
    records: int
    instances: int


@dataclass(frozen=True)
class Quality:
    """Days of instances: `covered` have a sample, of those that were `expected`."""

    covered: int
    expected: int
    lacking: Sequence[Lacking]  #: those that lack most days
    lacking_left: int
    later: Sequence[str]  #: the names of those that have samples, but none until then
    never: Sequence[str]  #: the names of those that have none at all
    failures: Sequence[FailureGroup]  #: the most first


def quality_of(chosen: Mapping[int, Instance], of: Any, month: Period, today: date) -> Quality:
    """An instance counts from its first sample on, a month up to today. Three queries."""
    last = min(month.end, today)
    rows = InstanceSizeStat.objects.filter(instance__in=of).order_by()
    first = dict(rows.values_list("instance_id").annotate(first=Min("collected_on")))
    in_month = rows.filter(collected_on__range=(month.start, last))
    covered = dict(in_month.values_list("instance_id").annotate(n=Count("pk")))
    expected = {pk: (last - max(day, month.start)).days + 1 for pk, day in first.items() if day <= last}
    lacking = [
        Lacking(pk, chosen[pk].name, days - covered.get(pk, 0), days)
        for pk, days in expected.items()
        if days > covered.get(pk, 0)
    ]
    lacking.sort(key=lambda line: (-line.days, line.instance))
    return Quality(
        sum(covered.values()),
        sum(expected.values()),
        lacking[:LACKING_SHOWN],
        len(lacking[LACKING_SHOWN:]),
        sorted(chosen[pk].name for pk in first.keys() - expected.keys()),
        sorted(one.name for pk, one in chosen.items() if pk not in first),
        _failures(of, month),
    )


def _failures(of: Any, month: Period) -> list[FailureGroup]:
    zone = timezone.get_default_timezone()
    since, until = (datetime.combine(day, time(), zone) for day in (month.start, month.end + timedelta(days=1)))
    failed = SyncInstanceRecord.objects.filter(
        status=RecordStatus.FAILED, instance__in=of, created_at__gte=since, created_at__lt=until
    )
    groups = (
        failed.order_by()
        .values_list("sync_category", "error_code")
        .annotate(records=Count("pk"), instances=Count("instance", distinct=True))
    )
    return sorted((FailureGroup(*row) for row in groups), key=lambda one: (-one.records, one.category, one.code))

"""The sizes of instances and databases at the end of a month. Sizes are bytes.

An instance's last day with samples in the month counts, for its databases as well: what it did not have on that day
was gone.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.models import Max

from capacity.insight.series import Target
from capacity.models import DatabaseDayStat, InstanceSizeAggregation, InstanceSizeStat
from capacity.periods import Period, PeriodType

SPARK_MONTHS = 12


class InstanceAtEnd(NamedTuple):
    size: int
    databases: int


def instances_at_end(of: Any, month: Period) -> dict[int, InstanceAtEnd]:
    """{instance id: its last day of the month}; `of`: the instances, as a queryset. One query and one for each day
    that is the last one of some."""
    found: dict[int, InstanceAtEnd] = {}
    columns = ("instance_id", "total_size_bytes", "database_count")
    for day, ids in _last_days(of, month).items():
        rows = InstanceSizeStat.objects.filter(instance__in=ids, collected_on=day).values_list(*columns)
        found |= {instance: InstanceAtEnd(size, databases) for instance, size, databases in rows.iterator()}
    return found


def databases_at_end(of: Any, month: Period) -> dict[Target, int]:
    """{(instance id, name): size}. As many queries as for the instances."""
    found: dict[Target, int] = {}
    columns = ("instance_id", "database_name", "last_size_bytes")
    for day, ids in _last_days(of, month).items():
        rows = DatabaseDayStat.objects.filter(instance__in=ids, collected_on=day).values_list(*columns)
        found |= {(instance, name): size for instance, name, size in rows.iterator()}
    return found


def _last_days(of: Any, month: Period) -> dict[Any, list[int]]:
    """{day: the instances whose last one it is}"""
    rows = InstanceSizeStat.objects.filter(instance__in=of, collected_on__range=(month.start, month.end)).order_by()
    days: defaultdict[Any, list[int]] = defaultdict(list)
    for instance, day in rows.values_list("instance_id").annotate(day=Max("collected_on")):
        days[day].append(instance)
    return days


def months_up_to(month: Period, count: int) -> list[Period]:
    found = [month]
    while len(found) < count:
        found.insert(0, found[0].previous())
    return found


def monthly_averages(of: Any, month: Period) -> dict[int, list[int | None]]:
    """{instance id: its average of each of SPARK_MONTHS months, the last one being this}. One query."""
    places = {one.start: place for place, one in enumerate(months_up_to(month, SPARK_MONTHS))}
    rows = InstanceSizeAggregation.objects.filter(
        period_type=PeriodType.MONTHLY, period_start__in=list(places), instance__in=of
    )
    found: dict[int, list[int | None]] = {}
    for instance, start, size in rows.order_by().values_list("instance_id", "period_start", "avg_total_size_bytes"):
        found.setdefault(instance, [None] * SPARK_MONTHS)[places[start]] = size
    return found


def largest(sizes: dict[Target, int], count: int) -> Iterator[Target]:
    yield from sorted(sizes, key=lambda target: (-sizes[target], target))[:count]

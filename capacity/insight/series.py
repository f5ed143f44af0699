"""Series of days out of the database: what forecasts and events are made from. Sizes are bytes."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from django.db import models
from django.db.models.functions import Cast

from capacity.models import DatabaseDayStat, InstanceSizeStat

from .trend import LEAST_POINTS
from .weeks import Series

#: A day with fewer databases than this share of the most is one on which collecting failed for some.
WHOLE = 0.9
#: Longer than this it was not collecting that failed.
FAILED_DAYS = 7

Target = tuple[int, str]  #: instance id, database name


class Listed(models.Aggregate):
    """The values of a group as a list, in any order: a tenth of what reading a row of each costs."""

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="ARRAY_AGG", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="JSON_GROUP_ARRAY", **context)

    def convert_value(self, value: Any, *args: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value


def database_series(instance_ids: Collection[int], first: date, last: date) -> dict[Target, Series]:
    """{(instance id, database name): its days from first to last}. One query.

    Memory: about 90 bytes a day.
    """
    rows = (
        DatabaseDayStat.objects.filter(instance__in=instance_ids, collected_on__range=(first, last))
        .order_by()
        .values_list("instance_id", "database_name")
        .annotate(
            days=Listed(Cast("collected_on", models.CharField())),
            lasts=Listed("last_size_bytes"),
            peaks=Listed("max_size_bytes"),
        )
    )
    ordinals: dict[str, int] = _Ordinals()  # they come as texts, the same ones for every database
    return {
        (instance, database): _in_order([ordinals[day] for day in days], lasts, peaks)
        for instance, database, days, lasts, peaks in rows
    }


class _Ordinals(dict[str, int]):
    def __missing__(self, text: str) -> int:
        return self.setdefault(text, date.fromisoformat(text).toordinal())


def _in_order(days: list[int], sizes: list[int], peaks: list[int]) -> Series:
    order = sorted(range(len(days)), key=days.__getitem__)
    if order != list(range(len(days))):
        days, sizes, peaks = ([column[place] for place in order] for column in (days, sizes, peaks))
    return Series(days, sizes, peaks)


class Total(NamedTuple):
    """A day of several databases together."""

    day: int  #: its ordinal
    size: int
    databases: int  #: that have a size on that day


def instance_totals(instance_ids: Collection[int], first: date, last: date) -> dict[int, list[Total]]:
    """{instance id: its days from first to last, oldest first}. One query."""
    rows = InstanceSizeStat.objects.filter(instance__in=instance_ids, collected_on__range=(first, last))
    totals: defaultdict[int, list[Total]] = defaultdict(list)
    columns = ("instance_id", "collected_on", "total_size_bytes", "database_count")
    for instance, day, size, databases in rows.order_by("instance_id", "collected_on").values_list(*columns):
        totals[instance].append(Total(day.toordinal(), size, databases))
    return totals


def fleet_totals(first: date, last: date) -> list[Total]:
    """Of all active instances together, oldest first. One query."""
    return _added_up_days(models.Q(instance__is_active=True), first, last)


def added_up_days(instances: Any, first: date, last: date) -> list[Total]:
    """The same of some instances, given as keys or as a queryset of keys."""
    return _added_up_days(models.Q(instance__in=instances), first, last)


def _added_up_days(of: models.Q, first: date, last: date) -> list[Total]:
    rows = InstanceSizeStat.objects.filter(of, collected_on__range=(first, last))
    # As floats: a sum beyond 2^63-1 fails on SQLite, and a forecast is no more exact.
    size = models.Sum(Cast("total_size_bytes", models.FloatField()))
    days = rows.values("collected_on").annotate(size=size, databases=models.Sum("database_count"))
    found = days.order_by("collected_on").values_list("collected_on", "size", "databases")
    return [Total(day.toordinal(), int(size), databases) for day, size, databases in found]


def added_up(members: Iterable[Series]) -> list[Total]:
    """Several databases or instances as one, day by day."""
    sizes: defaultdict[int, int] = defaultdict(int)
    counts: defaultdict[int, int] = defaultdict(int)
    for series in members:
        for day, size in zip(series.days, series.sizes, strict=True):
            sizes[day] += size
            counts[day] += 1
    return [Total(day, sizes[day], counts[day]) for day in sorted(sizes)]


def whole_days(totals: Sequence[Total]) -> Series:
    """A total of at least one day, without the days on which collecting failed for a part: that is no purge.

    Where this would leave nothing new, or too little of a history that there is, databases have come or gone, and
    every day counts.
    """
    most = max(total.databases for total in totals)
    whole = [total for total in totals if total.databases >= WHOLE * most]
    is_new = totals[-1].day - whole[-1].day < FAILED_DAYS
    if not is_new or _weeks(whole) < min(LEAST_POINTS, _weeks(totals)):
        whole = list(totals)
    sizes = [total.size for total in whole]
    return Series([total.day for total in whole], sizes, sizes)


def _weeks(totals: Sequence[Total]) -> int:
    return len({(totals[-1].day - total.day) // 7 for total in totals})

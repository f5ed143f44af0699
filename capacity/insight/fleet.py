"""What the dashboard tells of the fleet, in one to three queries, however many instances; sizes are bytes."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import starmap
from typing import NamedTuple

from django.db.models import Count, F
from django.utils import timezone

from capacity.models import Instance, InstanceSizeAggregation, InstanceSizeStat
from capacity.models.tags import tag_key
from capacity.periods import Period
from capacity.units import percent
from sync_sessions.common.tags import of_tagged

from .growth import LATE_AFTER, MONTH, SLACK, WEEK, days_until
from .summary import halves, whole


class InstanceSize(NamedTuple):
    """An instance and its state; without a sample most are None."""

    pk: int
    name: str
    db_type: str
    is_active: bool
    created_at: datetime
    first_day: date | None
    last_day: date | None
    last_sample_at: datetime | None
    last_bytes: int | None
    last_databases: int | None
    week_change: int | None
    month_change: int | None

    @property
    def since(self) -> date:
        """The first day on which a sample may be expected: that of its first one, or of its creation."""
        # No zone is a day behind: a look at the calendar that spares a large fleet its conversions.
        if self.first_day and self.first_day < self.created_at.astimezone(UTC).date():
            return self.first_day
        created = timezone.localdate(self.created_at)
        return min(created, self.first_day) if self.first_day else created

    def change(self, span: timedelta) -> int | None:
        return {WEEK: self.week_change, MONTH: self.month_change}[span]


#: Where the fields of InstanceSize are found from an instance.
COLUMNS = {
    "pk": "pk",
    "name": "name",
    "db_type": "db_type",
    "is_active": "is_active",
    "created_at": "created_at",
    "first_day": "state__first_day",
    "last_day": "state__last_day",
    "last_sample_at": "state__last_sample_at",
    "last_bytes": "state__last_size_bytes",
    "last_databases": "state__last_database_count",
    "week_change": "state__week_change_bytes",
    "month_change": "state__month_change_bytes",
}


@dataclass(frozen=True)
class GroupTotal:
    """The active instances of a group: an engine, or a tag."""

    name: str  #: of the engine or the tag; "" for the instances without a tag of the key
    instances: int
    databases: int
    bytes: int
    month_change: int | None  #: of those that can be compared; None: of none


@dataclass(frozen=True)
class FleetChange:
    """How much the instances grew whose size is known at both ends, and how many these are."""

    bytes: int
    percent: Decimal | None  #: None: they were empty
    compared: int
    left_out: int


@dataclass(frozen=True)
class Fleet:
    """The active instances, by name, and the sums over them. `day` is today."""

    day: date
    instances: list[InstanceSize]
    inactive: int
    tags: tuple[str, ...] = ()  #: it is only what has one of them

    @property
    def measured(self) -> list[InstanceSize]:
        """Those that have a sample."""
        return [one for one in self.instances if one.last_day]

    @property
    def bytes(self) -> int:
        # Python's sum: it may be more than a column holds.
        return sum(one.last_bytes or 0 for one in self.instances)

    @property
    def databases(self) -> int:
        return sum(one.last_databases or 0 for one in self.instances)

    def expected(self, day: date) -> int:
        """How many of the instances were there on that day."""
        return bisect_right(self._beginnings, day)

    @cached_property
    def _beginnings(self) -> list[date]:
        return sorted(one.since for one in self.instances)

    def growths(self, span: timedelta) -> list[tuple[InstanceSize, int]]:
        """The instances that still send samples and had one `span` before the last, with their change since."""
        return [
            (one, change)
            for one in self.instances
            if one.last_day and self.day - one.last_day <= SLACK and (change := one.change(span)) is not None
        ]

    def change(self, span: timedelta) -> FleetChange | None:
        """None when no instance can be compared. A new instance is no growth, a silent one no standstill."""
        grown = self.growths(span)
        if not grown:
            return None
        change = sum(grew for _one, grew in grown)
        before = sum(one.last_bytes or 0 for one, _grew in grown) - change
        return FleetChange(change, percent(change, before), len(grown), len(self.instances) - len(grown))

    def largest(self, count: int) -> list[InstanceSize]:
        return sorted(self.measured, key=lambda one: (-(one.last_bytes or 0), one.name))[:count]

    def fastest(self, count: int) -> list[tuple[InstanceSize, int]]:
        """Those that grew most in a month, in bytes; one that did not grow is none of them."""
        grown = [(one, change) for one, change in self.growths(MONTH) if change > 0]
        return sorted(grown, key=lambda pair: (-pair[1], pair[0].name))[:count]

    def by_engine(self) -> list[GroupTotal]:
        """A total per engine that has an active instance, the largest first."""
        return self._grouped(lambda one: [one.db_type])

    def by_tag_key(self, tags: Mapping[int, Sequence[str]]) -> dict[str, list[GroupTotal]]:
        """{key: a total per tag of it, the largest first, and last the instances without one}. `tags`: `tag_names()`.

        Plain words are under the key "". An instance with two tags of a key counts in both.
        """
        keys = sorted({tag_key(name) for one in self.instances for name in tags.get(one.pk, ())})

        def named(key: str) -> Callable[[InstanceSize], Iterable[str]]:
            return lambda one: [name for name in tags.get(one.pk, ()) if tag_key(name) == key] or [""]

        return {key: self._grouped(named(key)) for key in keys}

    def _grouped(self, names_of: Callable[[InstanceSize], Iterable[str]]) -> list[GroupTotal]:
        groups: dict[str, list[InstanceSize]] = {}
        for one in self.instances:
            for name in names_of(one):
                groups.setdefault(name, []).append(one)
        changes = {one.pk: change for one, change in self.growths(MONTH)}
        totals = [
            GroupTotal(
                name,
                len(found),
                sum(one.last_databases or 0 for one in found),
                sum(one.last_bytes or 0 for one in found),
                sum(changes[one.pk] for one in found if one.pk in changes)
                if any(one.pk in changes for one in found)
                else None,
            )
            for name, found in groups.items()
        ]
        return sorted(totals, key=lambda total: (not total.name, -total.bytes, total.name))

    def late(self, now: datetime) -> list[InstanceSize]:
        """Those without a sample for longer than LATE_AFTER; a new one is given that time for its first."""
        return [one for one in self.instances if now - (one.last_sample_at or one.created_at) > LATE_AFTER]


def read_fleet(day: date, tags: Sequence[str] = ()) -> Fleet:
    """The fleet, or those of its instances that have one of these tags."""
    rows = (
        Instance.objects.tagged(tags).order_by("name").values_list(*(COLUMNS[name] for name in InstanceSize._fields))
    )
    instances = list(starmap(InstanceSize, rows))
    active = [one for one in instances if one.is_active]
    return Fleet(day, active, len(instances) - len(active), tuple(tags))


def coverage(last: date, count: int, tags: Sequence[str] = ()) -> dict[date, int]:
    """How many of the active instances (with one of these tags) have a sample, on each of that many days, the last one
    included."""
    days = days_until(last, count)
    rows = InstanceSizeStat.objects.filter(collected_on__range=(days[0], days[-1]), instance__is_active=True)
    counts = of_tagged(rows, tags, few_queries=True).order_by().values_list("collected_on").annotate(n=Count("pk"))
    return dict.fromkeys(days, 0) | dict(counts)


class FleetPeriod(NamedTuple):
    period: Period
    bytes: int | None  #: None: no instance has a row
    instances: int  #: that have a row


def history(period_type: str, last: date, count: int, tags: Sequence[str] = ()) -> list[FleetPeriod]:
    """The sums of the averages of the active instances (with one of these tags) in that many periods, up to the one
    that contains `last`.

    Oldest first, from the first period with a row to the last one. An instance without a row in between
    counts with its row before, as its databases did not go away with the sample.
    """
    periods = [Period.containing(period_type, last)]
    while len(periods) < count:
        periods.insert(0, periods[0].previous())
    # One stretch of the unique key.
    rows = InstanceSizeAggregation.objects.filter(
        period_type=period_type,
        period_start__range=(periods[0].start, periods[-1].start),
        instance__is_active=True,
    ).order_by()
    rows = of_tagged(rows, tags, few_queries=True)
    sums = rows.values("period_start").annotate(**halves("size", F("avg_total_size_bytes")), rows=Count("pk"))
    totals = {one["period_start"]: (whole(one, "size"), one["rows"]) for one in sums}
    # The rows of the few instances that miss a period are read one by one: of a large fleet all would be too many.
    counts = rows.values("instance_id").annotate(n=Count("pk"))
    missing = counts.filter(n__lt=len(totals)).values("instance_id")
    sizes: dict[date, dict[int, int]] = {}
    columns = ("period_start", "instance_id", "avg_total_size_bytes")
    for start, instance, size in rows.filter(instance__in=missing).values_list(*columns):
        sizes.setdefault(start, {})[instance] = size
    found, known = [], {}
    for period in (one for one in periods if totals and min(totals) <= one.start <= max(totals)):
        here = sizes.get(period.start, {})
        known.update(here)
        carried = sum(known.values()) - sum(here.values())
        total, instances = totals.get(period.start, (None, 0))
        found.append(FleetPeriod(period, None if total is None else total + carried, instances))
    return found

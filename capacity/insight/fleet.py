"""What the dashboard tells of the fleet. Each function is one query, however many instances; sizes are bytes."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import starmap
from typing import NamedTuple

from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone

from capacity.models import Instance, InstanceSizeAggregation, InstanceSizeStat
from capacity.periods import Period
from capacity.units import percent

from .growth import LATE_AFTER, MONTH, SLACK, WEEK, days_until, with_growth


class InstanceSize(NamedTuple):
    """An instance as `with_growth` describes it; without a sample most are None."""

    pk: int
    name: str
    is_active: bool
    last_day: date | None
    last_sample_at: datetime | None
    last_bytes: int | None
    last_databases: int | None
    week_ago_bytes: int | None
    month_ago_bytes: int | None
    created_at: datetime
    first_day: date | None

    @property
    def since(self) -> date:
        """The first day on which a sample may be expected: that of its first one, or of its creation."""
        created = timezone.localdate(self.created_at)
        return min(created, self.first_day) if self.first_day else created

    def before(self, span: timedelta) -> int | None:
        return {WEEK: self.week_ago_bytes, MONTH: self.month_ago_bytes}[span]


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
        return sum(one.since <= day for one in self.instances)

    def growths(self, span: timedelta) -> list[tuple[InstanceSize, int]]:
        """The instances that still send samples and had one `span` before the last, with their change since."""
        return [
            (one, one.last_bytes - before)
            for one in self.instances
            if one.last_day and one.last_bytes is not None and self.day - one.last_day <= SLACK
            if (before := one.before(span)) is not None
        ]

    def change(self, span: timedelta) -> FleetChange | None:
        """None when no instance can be compared. A new instance is no growth, a silent one no standstill."""
        grown = self.growths(span)
        if not grown:
            return None
        change = sum(grew for _one, grew in grown)
        before = sum(one.before(span) or 0 for one, _grew in grown)
        return FleetChange(change, percent(change, before), len(grown), len(self.instances) - len(grown))

    def largest(self, count: int) -> list[InstanceSize]:
        return sorted(self.measured, key=lambda one: (-(one.last_bytes or 0), one.name))[:count]

    def fastest(self, count: int) -> list[tuple[InstanceSize, int]]:
        """Those that grew most in a month, in bytes; one that did not grow is none of them."""
        grown = [(one, change) for one, change in self.growths(MONTH) if change > 0]
        return sorted(grown, key=lambda pair: (-pair[1], pair[0].name))[:count]

    def late(self, now: datetime) -> list[InstanceSize]:
        """Those without a sample for longer than LATE_AFTER; a new one is given that time for its first."""
        return [one for one in self.instances if now - (one.last_sample_at or one.created_at) > LATE_AFTER]


def read_fleet(day: date) -> Fleet:
    # Of each instance seven look-ups in the index on (instance, day).
    first = InstanceSizeStat.objects.filter(instance=OuterRef("pk")).order_by("collected_on").values("collected_on")
    found = with_growth(Instance.objects.order_by("name")).annotate(first_day=Subquery(first[:1]))
    rows = found.values_list(*InstanceSize._fields)
    instances = list(starmap(InstanceSize, rows))
    active = [one for one in instances if one.is_active]
    return Fleet(day, active, len(instances) - len(active))


def coverage(last: date, count: int) -> dict[date, int]:
    """How many of the active instances have a sample, on each of that many days, the last one included."""
    days = days_until(last, count)
    rows = InstanceSizeStat.objects.filter(collected_on__range=(days[0], days[-1]), instance__is_active=True)
    counts = rows.order_by().values_list("collected_on").annotate(n=Count("pk"))
    return dict.fromkeys(days, 0) | dict(counts)


class FleetPeriod(NamedTuple):
    period: Period
    bytes: int | None  #: None: no instance has a row
    instances: int  #: that have a row


def history(period_type: str, last: date, count: int) -> list[FleetPeriod]:
    """The sums of the averages of the active instances in that many periods, up to the one that contains `last`.

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
    sizes: dict[date, dict[int, int]] = {}
    for start, instance, size in rows.values_list("period_start", "instance_id", "avg_total_size_bytes"):
        sizes.setdefault(start, {})[instance] = size
    found, known = [], {}
    for period in (one for one in periods if sizes and min(sizes) <= one.start <= max(sizes)):
        row = sizes.get(period.start, {})
        known.update(row)
        found.append(FleetPeriod(period, sum(known.values()) if row else None, len(row)))
    return found

"""Which periods a caller means."""

from collections.abc import Iterable
from datetime import date
from enum import Enum

from capacity.models import CapacityState, Instance, StalePeriod
from capacity.periods import Period, PeriodConfig


class Which(Enum):
    DEFAULT = "default"  #: the current day; of longer periods the last complete one
    CURRENT = "current"  #: the ones that contain today
    LAST = "last"  #: the last complete ones


def plan_periods(configs: Iterable[PeriodConfig], which: Which, today: date) -> list[Period]:
    choose = {Which.DEFAULT: Period.by_default, Which.CURRENT: Period.containing, Which.LAST: Period.last_complete}
    return [choose[which](config.key, today) for config in configs]


def plan_range(configs: Iterable[PeriodConfig], first: date, last: date) -> list[Period]:
    """Every period of these types that lies wholly inside first..last (inclusive), oldest first per type."""
    return [period for config in configs for period in Period.within(config.key, first, last)]


def stale_periods(configs: Iterable[PeriodConfig], today: date, since: date | None = None) -> list[Period]:
    """The complete periods that ingest has marked for an active instance and that end on `since` or later.

    Oldest first; two queries.
    """
    periods = StalePeriod.objects.periods([config.key for config in configs], today)
    days_begin = CapacityState.days_begin()
    return [
        period
        for period in periods
        # Made again without their samples, they would lose what they have.
        if period.previous().start >= days_begin and (since is None or period.end >= since)
    ]


def stale_instances(period: Period) -> list[Instance]:
    """The active instances that this period is marked for, in key order."""
    marked = StalePeriod.objects.of(period).values("instance")
    return list(Instance.objects.active().filter(pk__in=marked).defer("password").order_by("pk"))

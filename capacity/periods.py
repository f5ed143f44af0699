"""Periods: pure dates. PERIOD_CONFIG is the one table that everything looping over periods is driven by."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from capacity.errors import PeriodError


class PeriodType(models.TextChoices):
    DAILY = "daily", _("Daily")
    WEEKLY = "weekly", _("Weekly")  # Monday to Sunday
    MONTHLY = "monthly", _("Monthly")
    QUARTERLY = "quarterly", _("Quarterly")  # calendar quarters


class Crontab(NamedTuple):
    """When the default schedule of a period fires, in the product's time zone; crontab fields."""

    minute: str
    hour: str
    day_of_week: str = "*"
    day_of_month: str = "*"
    month_of_year: str = "*"


@dataclass(frozen=True)
class PeriodConfig:
    """One kind of period. Its length is a number of `days` (counted from a Monday) or of `months`."""

    key: str
    label: "str | Promise"
    service_method: str  #: the method of AggregationService that computes it
    current_by_default: bool  #: by hand: the period that contains today, else the last complete one
    crontab: Crontab
    days: int = 0
    months: int = 0

    def __post_init__(self) -> None:
        if (self.days > 0) == (self.months > 0):
            raise ValueError(f"period {self.key!r} needs a length: either days or months")


PERIOD_CONFIG: tuple[PeriodConfig, ...] = (
    PeriodConfig(
        PeriodType.DAILY.value,
        PeriodType.DAILY.label,
        "calculate_daily_aggregations",
        current_by_default=True,
        crontab=Crontab("0", "4"),
        days=1,
    ),
    PeriodConfig(
        PeriodType.WEEKLY.value,
        PeriodType.WEEKLY.label,
        "calculate_weekly_aggregations",
        current_by_default=False,
        crontab=Crontab("20", "4", day_of_week="1"),
        days=7,
    ),
    PeriodConfig(
        PeriodType.MONTHLY.value,
        PeriodType.MONTHLY.label,
        "calculate_monthly_aggregations",
        current_by_default=False,
        crontab=Crontab("40", "4", day_of_month="1"),
        months=1,
    ),
    PeriodConfig(
        PeriodType.QUARTERLY.value,
        PeriodType.QUARTERLY.label,
        "calculate_quarterly_aggregations",
        current_by_default=False,
        crontab=Crontab("0", "5", day_of_month="1", month_of_year="1,4,7,10"),
        months=3,
    ),
)
PERIODS: tuple[str, ...] = tuple(config.key for config in PERIOD_CONFIG)


def period_config(key: Any) -> PeriodConfig:
    """The entry of a period type; PeriodError, naming the allowed ones, for any other key."""
    for config in PERIOD_CONFIG:
        if config.key == key:
            return config
    allowed = ", ".join(config.key for config in PERIOD_CONFIG)
    raise PeriodError(
        gettext("%(name)s is not a period type: it must be one of %(allowed)s")
        % {"name": repr(key), "allowed": allowed}
    )


def parse_periods(names: Iterable[Any] | None) -> list[PeriodConfig]:
    """The entries that a caller's list names: None or an empty list means all.

    Case and blanks are ignored, duplicates dropped, the order kept. An unknown name is a PeriodError.
    """
    names = [names] if isinstance(names, str) else names
    configs = [period_config(name.strip().lower() if isinstance(name, str) else name) for name in names or ()]
    return list(dict.fromkeys(configs)) or list(PERIOD_CONFIG)


def today() -> date:
    """The date now in the product's time zone. Read once at the start of a run and passed on."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


@dataclass(frozen=True, order=True)
class Period:
    """A calendar period; `start` and `end` are both inclusive."""

    type: str
    start: date
    end: date

    @classmethod
    def containing(cls, type: str, day: date) -> "Period":
        """The period of that type in which the day lies. PeriodError outside the years 2 to 9998."""
        config = period_config(type)
        if not 2 <= day.year <= 9998:
            raise PeriodError(gettext("%(day)s is out of range: give a date of this era") % {"day": day})
        if config.days:
            # 0001-01-01 was a Monday, so whole weeks counted from it begin on Mondays.
            start = day - timedelta(days=(day.toordinal() - 1) % config.days)
            return cls(config.key, start, start + timedelta(days=config.days - 1))
        first = day.year * 12 + day.month - 1
        first -= first % config.months
        return cls(config.key, _month(first), _month(first + config.months) - timedelta(days=1))

    @classmethod
    def last_complete(cls, type: str, today: date) -> "Period":
        """The newest period that ended before `today`."""
        return cls.containing(type, today).previous()

    @classmethod
    def by_default(cls, type: str, today: date) -> "Period":
        """What a call by hand means when it names no period: see `current_by_default`."""
        current = cls.containing(type, today)
        return current if period_config(type).current_by_default else current.previous()

    @classmethod
    def within(cls, type: str, first: date, last: date) -> "list[Period]":
        """Every period of that type that lies wholly inside first..last (both inclusive), oldest first."""
        if first > last:
            raise PeriodError(
                gettext("the range is empty: %(first)s is after %(last)s") % {"first": first, "last": last}
            )
        period, found = cls.containing(type, first), []
        if period.start < first:
            period = period.following()
        while period.end <= last:
            found.append(period)
            period = period.following()
        return found

    @classmethod
    def count_within(cls, type: str, first: date, last: date) -> int:
        """How many `within` would give, without making them: 0 for an empty range."""
        opening, closing = cls.containing(type, first), cls.containing(type, last)
        count = closing._number - opening._number + 1 - (opening.start < first) - (closing.end > last)
        return max(0, count)

    def previous(self) -> "Period":
        """The whole calendar period before this one."""
        return Period.containing(self.type, self.start - timedelta(days=1))

    def following(self) -> "Period":
        return Period.containing(self.type, self.end + timedelta(days=1))

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def _number(self) -> int:
        """Its place among the periods of its type, from any beginning."""
        config = period_config(self.type)
        if config.days:
            return self.start.toordinal() // config.days
        return (self.start.year * 12 + self.start.month - 1) // config.months

    def is_complete(self, today: date) -> bool:
        return self.end < today


def _month(index: int) -> date:
    """The first day of a month counted from year 0."""
    return date(index // 12, index % 12 + 1, 1)

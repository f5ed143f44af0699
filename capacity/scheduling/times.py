"""When a schedule fires, as people say it. Pure: no database, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time

from celery.schedules import ParseException, crontab
from django.db import models
from django.utils.translation import gettext_lazy as _

from capacity.periods import Crontab

WEEKDAYS = tuple(range(1, 8))  #: Monday is 1, Sunday 7
LAST_DAY = 28  #: the last day that every month has
MONTHS = tuple(range(1, 13))


#: "Every N hours" begins anew at midnight, so these alone are of equal length.
HOURS = (1, 2, 3, 4, 6, 8, 12)


class Frequency(models.TextChoices):
    HOURLY = "hourly", _("Every few hours")
    DAILY = "daily", _("Every day")
    WEEKLY = "weekly", _("Every week")
    MONTHLY = "monthly", _("Every month")
    QUARTERLY = "quarterly", _("Every quarter")


@dataclass(frozen=True)
class When:
    """What the form can say. Fields that a frequency does not use have their defaults."""

    frequency: str
    at: time
    weekdays: tuple[int, ...] = ()  #: of a weekly one, in order; see WEEKDAYS
    day: int = 1  #: of the month, 1 to LAST_DAY
    month: int = 1  #: of the quarter, 1 to 3
    every: int = 1  #: hours, of an hourly one, from midnight on; one of HOURS. Of `at` the minute counts

    @property
    def months(self) -> tuple[int, ...]:
        """The months of the year in which a quarterly schedule fires."""
        return MONTHS[self.month - 1 :: 3]

    def crontab(self) -> Crontab:
        """Its fields as django-celery-beat stores them."""
        minute, hour = str(self.at.minute), str(self.at.hour)
        match self.frequency:
            case Frequency.HOURLY:
                return Crontab(minute, "*" if self.every == 1 else f"*/{self.every}")
            case Frequency.WEEKLY:
                return Crontab(minute, hour, day_of_week=_listed(day % 7 for day in self.weekdays))
            case Frequency.MONTHLY:
                return Crontab(minute, hour, day_of_month=str(self.day))
            case Frequency.QUARTERLY:
                return Crontab(minute, hour, day_of_month=str(self.day), month_of_year=_listed(self.months))
            case _:
                return Crontab(minute, hour)

    @classmethod
    def of(cls, fields: Crontab) -> "When | None":
        """What a crontab says; None when the form has no words for it, or it is none at all."""
        try:
            sets = crontab(**fields._asdict())
        except (ParseException, ValueError):
            return None
        days, weekdays = sorted(sets.day_of_month), {day or 7 for day in sets.day_of_week}
        every_day, every_weekday = len(days) == 31, len(weekdays) == 7
        months = tuple(sorted(sets.month_of_year))
        if len(sets.minute) != 1:
            return None
        if len(sets.hour) != 1:
            every = next((hours for hours in HOURS if sets.hour == set(range(0, 24, hours))), None)
            always = every_day and every_weekday and months == MONTHS
            return cls(Frequency.HOURLY, time(0, *sets.minute), every=every) if every and always else None
        at = time(*sets.hour, *sets.minute)
        if every_day and months == MONTHS:
            return cls(Frequency.DAILY, at) if every_weekday else cls(Frequency.WEEKLY, at, tuple(sorted(weekdays)))
        if not every_weekday or len(days) != 1 or days[0] > LAST_DAY:
            return None
        if months == MONTHS:
            return cls(Frequency.MONTHLY, at, day=days[0])
        if months[0] <= 3 and months == MONTHS[months[0] - 1 :: 3]:
            return cls(Frequency.QUARTERLY, at, day=days[0], month=months[0])
        return None


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, sorted(numbers)))

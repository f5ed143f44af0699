"""When a schedule will run, and what each run computes. Pure: `now` is passed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from celery.schedules import ParseException
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_celery_beat.tzcrontab import TzAwareCrontab

from capacity.periods import Crontab, Period, period_config
from sync_sessions.choices import Scope

from .job import Job, What
from .times import Frequency, When

SHOWN = 5  #: runs
LOOKED_AT = 14  #: runs, to say that all of them come late
#: Looking back for the last run: days, a frequency's longest pause and one more.
LONGEST_PAUSE = {
    Frequency.HOURLY: 1,
    Frequency.DAILY: 2,
    Frequency.WEEKLY: 8,
    Frequency.MONTHLY: 32,
    Frequency.QUARTERLY: 93,
}
MOST_RUNS = 26  #: in that time; an hourly one has most, and one more when the clock is put back


@dataclass(frozen=True)
class Run:
    at: datetime  #: in the product's zone
    periods: tuple[Period, ...]  #: the last complete one of each type; none unless it aggregates


def next_times(crontab: Crontab, zone: ZoneInfo, now: datetime, count: int) -> list[datetime]:
    """The next moments after `now` at which beat runs a crontab of that zone, in UTC.

    By beat's own rules: where the clock is put forward, a time that does not exist counts from before the change
    (02:30 is 03:30 then), and one that exists twice is run once, the first time. Fewer than `count` when there
    are no more: 31 February never comes, and what is no crontab has none.
    """
    times: list[datetime] = []
    try:
        schedule = TzAwareCrontab(**crontab._asdict(), tz=zone)
        while len(times) < count:
            last = times[-1] if times else now
            start, pause, _now = schedule.remaining_delta(last.astimezone(zone))
            wall = start + pause
            # The first of two equal times, unless it is over.
            both = (wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
            times.append(next(moment for moment in both if moment > last))
    except (ParseException, ValueError, RuntimeError, OverflowError):
        pass  # RuntimeError is celery's word for a date that never comes
    return times


def last_time(when: When, zone: ZoneInfo, now: datetime) -> datetime:
    """The last moment, not after `now`, at which it should have run; in UTC."""
    before = now - timedelta(days=LONGEST_PAUSE[Frequency(when.frequency)])
    past = [at for at in next_times(when.crontab(), zone, before, MOST_RUNS) if at <= now]
    return past[-1]


def next_runs(what: What | None, crontab: Crontab, zone: ZoneInfo, now: datetime, home: ZoneInfo) -> list[Run]:
    """The next runs, at most SHOWN; `home` is the product's zone, whose days the periods are made of."""
    return _runs(what, next_times(crontab, zone, now, SHOWN), home)


def warnings(what: What, when: When, now: datetime, home: ZoneInfo) -> list[str]:
    """What somebody may not have meant by such a schedule, a sentence each."""
    runs = _runs(what, next_times(when.crontab(), home, now, LOOKED_AT), home)
    found = []
    for place, key in enumerate(what.periods):
        label = str(period_config(key).label)
        periods = [run.periods[place] for run in runs]
        if what.scope != Scope.ALL and any(b.start > a.following().start for a, b in pairwise(periods)):
            found.append(
                _(
                    "%(period)s: each run of one level alone computes the last complete period only, so the ones "
                    "between two runs are left out."
                )
                % {"period": label}
            )
        late = _days_late(runs, periods)
        if late and when.frequency not in (Frequency.HOURLY, Frequency.DAILY):
            text = ngettext(
                "%(period)s: no run comes earlier than %(days)d day after it could.",
                "%(period)s: no run comes earlier than %(days)d days after it could.",
                late,
            )
            found.append(text % {"period": label, "days": late})
    return found


def _days_late(runs: Sequence[Run], periods: Sequence[Period]) -> int:
    """Days between the end of a period and the run that computes it, of the earliest such run."""
    return min((run.at.date() - period.end).days - 1 for run, period in zip(runs, periods, strict=True))


def _runs(what: What | None, times: list[datetime], home: ZoneInfo) -> list[Run]:
    types = what.periods if what and what.job == Job.AGGREGATE else ()
    local = [at.astimezone(home) for at in times]
    return [Run(at, tuple(Period.last_complete(type, at.date()) for type in types)) for at in local]

"""What happened: a database jumped, lost much, appeared or vanished. Series of days in, events out. Pure.

A change from one day to the next is a jump or a drop when it is large and not how this database lives: over 1.5
times the second largest change in that direction in a quarter. (The second, so that one jump does not hide the
next.) Measured on made-up fleets: `manage.py benchmark --scenario forecast`. Sizes are bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

from capacity.models import EventKind

from .weeks import Day, since

GIB = 2**30
LEAST_PERCENT = 5
LEAST_BYTES = GIB
LEAST_SAMPLES = 14  #: days with a size before a change is judged
USUAL_DAYS = 91
USUAL_RANK = 2  #: the second largest change is the usual largest one
FACTOR = 1.5
DAYS_BEFORE = 5  #: that are told with a change
ABSENT_DAYS = 3  #: on which the instance has samples and the database has none


@dataclass(frozen=True)
class Event:
    day: date
    kind: EventKind
    before: int
    after: int
    usual: int = 0  #: the usual largest change of a day in this direction, as a size
    days_before: tuple[tuple[date, int], ...] = field(default=())  #: the sizes before it, oldest first


def changes(
    days: Sequence[Day],
    first: date = date.min,
    *,
    least_percent: float = LEAST_PERCENT,
    least_bytes: int = LEAST_BYTES,
) -> Iterator[Event]:
    """The jumps and drops of a series on the days from `first` on; days are oldest first.

    What changed over days without a sample is measured against as many usual days.
    """
    begin = max(len(days) - len(since(days, first)), LEAST_SAMPLES)
    large = [
        index
        for index, (before, after) in enumerate(pairwise([one.last for one in days]), 1)
        if abs(after - before) >= least_bytes and 100 * abs(after - before) >= least_percent * before
    ]
    for index in (index for index in large if index >= begin):
        day, size, _peak = days[index]
        before = days[index - 1].last
        change = size - before
        sign = 1 if change > 0 else -1
        usual = _usual_change(days[:index], day, sign)
        if abs(change) > FACTOR * usual * (day - days[index - 1].day).days:
            told = tuple((one.day, one.last) for one in days[max(index - DAYS_BEFORE, 0) : index])
            yield Event(day, EventKind.JUMP if change > 0 else EventKind.DROP, before, size, round(usual), told)


def _usual_change(days: Sequence[Day], day: date, sign: int) -> float:
    """Bytes per day, never less than 0; 0 when there are not two changes of that sign."""
    earlier = since(days, day - timedelta(days=USUAL_DAYS))
    daily = [sign * (after.last - before.last) / (after.day - before.day).days for before, after in pairwise(earlier)]
    largest = sorted((change for change in daily if change > 0), reverse=True)
    return largest[USUAL_RANK - 1] if len(largest) >= USUAL_RANK else 0.0


def presence(days: Sequence[Day], instance_days: Sequence[date], first: date = date.min) -> Iterator[Event]:
    """When a database appeared and vanished, on days from `first` on.

    `instance_days`: on which its instance has samples, oldest first. Absent for less than ABSENT_DAYS of them is
    a sample that failed. What is there from the first days on has not appeared.
    """
    if len(instance_days) - len(days) < ABSENT_DAYS:
        return
    sizes = {one.day: one.last for one in days}
    absent: list[date] = []
    last: tuple[date, int] | None = None
    for day in instance_days:
        if day not in sizes:
            absent.append(day)
            if len(absent) == ABSENT_DAYS and last and absent[0] >= first:
                yield Event(absent[0], EventKind.VANISHED, last[1], 0, days_before=(last,))
            continue
        if len(absent) >= ABSENT_DAYS and day >= first:
            yield Event(day, EventKind.APPEARED, 0, sizes[day])
        absent, last = [], (day, sizes[day])

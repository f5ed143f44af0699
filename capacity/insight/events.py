"""What happened: a database jumped, lost much, appeared or vanished. Series of days in, events out. Pure.

A change from one day to the next is a jump or a drop when it is large and not how this database lives: over 1.5
times the second largest change in that direction in a quarter. (The second, so that one jump does not hide the
next.) Measured on made-up fleets: `manage.py benchmark --scenario forecast`. Sizes are bytes.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from operator import sub

from capacity.models import EventKind
from capacity.querysets import ABSENT_DAYS

from .weeks import Series

GIB = 2**30
LEAST_PERCENT = 5
LEAST_BYTES = GIB
LEAST_SAMPLES = 14  #: days with a size before a change is judged
USUAL_DAYS = 91
USUAL_RANK = 2  #: the second largest change is the usual largest one
FACTOR = 1.5
DAYS_BEFORE = 5  #: that are told with a change


@dataclass(frozen=True)
class Event:
    day: date
    kind: EventKind
    before: int
    after: int
    usual: int = 0  #: the usual largest change of a day in this direction, as a size
    days_before: tuple[tuple[date, int], ...] = field(default=())  #: the sizes before it, oldest first


def changes(
    series: Series,
    first: date = date.min,
    *,
    least_percent: float = LEAST_PERCENT,
    least_bytes: int = LEAST_BYTES,
) -> Iterator[Event]:
    """The jumps and drops of a series on the days from `first` on.

    What changed over days without a sample is measured against as many usual days.
    """
    days, sizes = series.days, series.sizes
    if not sizes or max(sizes) - min(sizes) < least_bytes:
        return  # most databases: no day can have changed by that much
    # In C, as this is asked of every day of every database.
    daily = list(map(sub, islice(sizes, 1, None), sizes))
    if max(daily) < least_bytes and min(daily) > -least_bytes:
        return
    large = [
        index
        for index, (change, before) in enumerate(zip(daily, sizes, strict=False), 1)
        if abs(change) >= least_bytes and 100 * abs(change) >= least_percent * before
    ]
    for index in large:
        if index < LEAST_SAMPLES or days[index] < first.toordinal():
            continue
        before, change = sizes[index - 1], sizes[index] - sizes[index - 1]
        usual = _usual_change(series, index, 1 if change > 0 else -1)
        if abs(change) > FACTOR * usual * (days[index] - days[index - 1]):
            yield Event(
                date.fromordinal(days[index]),
                EventKind.JUMP if change > 0 else EventKind.DROP,
                before,
                sizes[index],
                round(usual),
                tuple(
                    (date.fromordinal(days[earlier]), sizes[earlier])
                    for earlier in range(max(index - DAYS_BEFORE, 0), index)
                ),
            )


def _usual_change(series: Series, end: int, sign: int) -> float:
    """Bytes per day before the day of that index, never less than 0; 0 when there are not two of that sign."""
    days, sizes = series.days, series.sizes
    begin = bisect_left(days, days[end] - USUAL_DAYS)
    daily = (
        sign * (sizes[index] - sizes[index - 1]) / (days[index] - days[index - 1]) for index in range(begin + 1, end)
    )
    largest = sorted((change for change in daily if change > 0), reverse=True)
    return largest[USUAL_RANK - 1] if len(largest) >= USUAL_RANK else 0.0


def presence(series: Series, instance_days: Sequence[int], first: date = date.min) -> Iterator[Event]:
    """When a database appeared and vanished, on days from `first` on.

    `instance_days`: on which its instance has samples, as ordinals, oldest first. Absent for less than ABSENT_DAYS
    of them is a sample that failed. What is there from the first days on has not appeared.
    """
    if len(instance_days) - len(series) < ABSENT_DAYS:
        return
    sizes = dict(zip(series.days, series.sizes, strict=True))
    absent: list[int] = []
    last: int | None = None
    for day in instance_days:
        if day not in sizes:
            absent.append(day)
            if len(absent) == ABSENT_DAYS and last and absent[0] >= first.toordinal():
                told = ((date.fromordinal(last), sizes[last]),)
                yield Event(date.fromordinal(absent[0]), EventKind.VANISHED, sizes[last], 0, days_before=told)
            continue
        if len(absent) >= ABSENT_DAYS and day >= first.toordinal():
            yield Event(date.fromordinal(day), EventKind.APPEARED, 0, sizes[day])
        absent, last = [], day

"""A daily series as weekly means: the ground that a forecast stands on. Sizes are bytes.

A week is counted back from the last day of the series, not by the calendar: 0 are the seven days that end with
it, -1 the seven before. A week without a day is absent, and what lies between two weeks is told per week.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from .robust import mad, median

MOST_RUNS = 2  #: of a direction, for these to be jumps: what happens more often is how this database lives
LEAST_JUMP = 0.05  #: of the size, in a week
MAD_FACTOR = 6


@dataclass(frozen=True, slots=True)
class Series:
    """The days of a database, an instance, a volume or the fleet, oldest first, each once.

    Columns, as a tuple per day would be most of what a forecast costs. Days are ordinals (`date.toordinal`).
    """

    days: Sequence[int]
    sizes: Sequence[int]  #: the last one measured on each day
    peaks: Sequence[int]  #: the largest one; of a total it is the total

    @classmethod
    def of(cls, days: Iterable[tuple[date, int, int]]) -> "Series":
        """Of (day, last size, largest size) each."""
        rows = sorted(days)
        return cls([day.toordinal() for day, _last, _peak in rows], [row[1] for row in rows], [row[2] for row in rows])

    def __len__(self) -> int:
        return len(self.days)

    @property
    def last_day(self) -> date:
        return date.fromordinal(self.days[-1])

    def since(self, day: int) -> "Series":
        """Its end, from that day on."""
        begin = bisect_left(self.days, day)
        return Series(self.days[begin:], self.sizes[begin:], self.peaks[begin:]) if begin else self


class Point(NamedTuple):
    week: int  #: 0 or less
    size: float  #: the mean of the last sizes of the days there are


class Jump(NamedTuple):
    """A purge, a load or a move, between two neighbouring points of a series."""

    place: int  #: the index of the point before it
    bytes: float  #: by how much everything before was moved to take it out


def weekly_means(series: Series) -> list[Point]:
    """Of a series of at least one day; oldest first."""
    days, sizes, last = series.days, series.sizes, series.days[-1]
    points, end = [], len(days)
    # From the newest week back: a look-up and a sum of each costs a third of looking at every day.
    for week in range(0, (days[0] - last) // 7 - 1, -1):
        before = last + 7 * week - 7
        begin = end - 7  # of a week without gaps, as most are
        if begin < 0 or days[begin] != before + 1:
            begin = bisect_right(days, before, hi=end)
        if begin < end:
            points.append(Point(week, sum(sizes[begin:end]) / (end - begin)))
        end = begin
    return points[::-1]


def recent(points: Sequence[Point], weeks: int) -> list[Point]:
    return [point for point in points if point.week > -weeks]


def differences(points: Sequence[Point]) -> list[float]:
    """Bytes per week between neighbouring points."""
    return [(after.size - before.size) / (after.week - before.week) for before, after in pairwise(points)]


def runs(values: Sequence[float], condition: Callable[[float], bool]) -> list[list[int]]:
    """The stretches of neighbouring indexes whose value meets the condition."""
    found: list[list[int]] = []
    for index, value in enumerate(values):
        if condition(value):
            if found and found[-1][-1] == index - 1:
                found[-1].append(index)
            else:
                found.append([index])
    return found


def take_out_jumps(points: Sequence[Point], size: float) -> tuple[list[Point], list[Jump]]:
    """The points without what happened once or twice, and the jumps that it was.

    Everything before a jump is moved by what it is more than the median of the differences that are none. A
    series that does nothing but jump has none: there is nothing to tell them from.
    """
    found = differences(points)
    beyond = max(MAD_FACTOR * mad(found), LEAST_JUMP * size)
    if not found or (max(found) <= beyond and min(found) >= -beyond):
        return list(points), []
    ups, downs = runs(found, lambda d: d > beyond), runs(found, lambda d: d < -beyond)
    indexes = sorted(
        index for direction in (ups, downs) if len(direction) <= MOST_RUNS for run in direction for index in run
    )
    rest = [difference for index, difference in enumerate(found) if index not in indexes]
    if not indexes or not rest:
        return list(points), []
    usual = median(rest)
    jumps = [Jump(i, (found[i] - usual) * (points[i + 1].week - points[i].week)) for i in indexes]
    adjusted = [
        Point(week, size + sum(jump.bytes for jump in jumps if jump.place >= index))
        for index, (week, size) in enumerate(points)
    ]
    return adjusted, jumps

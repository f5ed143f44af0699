"""What will be full, when, and how sure that is: a series of days and a limit in, a forecast out. Pure.

The method was chosen by back-tests on made-up and real series (`manage.py benchmark --scenario forecast`):

1. The series becomes weekly means (weeks.py); of fewer than four there is no forecast.
2. Jumps that happened once or twice in half a year (a purge, a load, a move) are taken out, and named.
3. The growth is the median slope (Theil-Sen) of the last 13 weeks, of their end alone while a load fades ...
4. ... averaged with that of 52 weeks; of files that grow by steps it is their mean growth (trend.py).
5. It goes on from the level of the last week: no fitted line does better.
6. The range around it holds four of five outcomes.
7. A limit is reached when the line and the usual peaks above it are there.
8. The state says in a word which sentence is to be told (wording.py).

Sizes are bytes, growth is bytes per week, days are counted from the last day of the series.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

from capacity.models import Confidence, ForecastState

from .trend import HALF_YEAR, LEAST_POINTS, QUARTER, Trend
from .weeks import Series, recent, weekly_means

WEEKS = 52  #: of history that are looked at
HORIZONS = (30, 90, 180)
FARTHEST = 730  #: days; nobody knows what is later
PEAK_DAYS = 35  #: in which a month's end has been

EIGHTY_PERCENT = 1.2816  #: standard deviations to either side
SLOPE_ERROR = 0.35  #: of the growth
ROUNDING = 0.001  #: of the size

FLAT = 0.005  #: of the size, in half a year
LOW_BELOW, MEDIUM_BELOW = 56, 91  #: days of history
NEW_SHARE = 0.5  #: a first week smaller than this share of the last one is a database that is being loaded


class Range(NamedTuple):
    """A mean size that is expected, and what it will be between in four of five cases; may be below 0."""

    size: float
    low: float
    high: float


@dataclass(frozen=True)
class NamedJump:
    """What was taken out of the growth: a load is more than 0, a purge less."""

    day: date
    bytes: float


@dataclass(frozen=True)
class Forecast:
    """Dates are there in the states `date` and, when they can be told, `new`; never for something that shrinks.

    `earliest_on` may be the last day itself; no `latest_on` beside an `expected_on` means "not within two years".
    """

    state: ForecastState
    last_day: date
    days: int  #: on which there is a size, within the weeks looked at
    level: float  #: the mean of the last week
    confidence: Confidence = Confidence.LOW
    weekly: float = 0.0  #: growth per week
    spread: float = 0.0  #: of the weekly growth
    headroom: float = 0.0  #: by how much peaks rise above the line
    ranges: Mapping[int, Range] = field(default_factory=dict)  #: by HORIZONS; empty without a forecast
    limit: int | None = None
    expected_on: date | None = None
    earliest_on: date | None = None
    latest_on: date | None = None
    jumps: Sequence[NamedJump] = ()


def forecast(series: Series, limit: int | None = None) -> Forecast:
    """Of a series of at least one day; what is older than 52 weeks is not looked at."""
    last_day = series.last_day
    series = series.since(series.days[-1] - WEEKS * 7 + 1)
    points = weekly_means(series)
    if len(points) < LEAST_POINTS or len(recent(points, HALF_YEAR)) < 2:
        return Forecast(ForecastState.TOO_LITTLE_HISTORY, last_day, len(series), points[-1].size, limit=limit)
    trend = Trend(points)
    curve = Curve.of(trend)
    headroom = _headroom(series, trend, curve)
    history = series.days[-1] - series.days[0] + 1
    is_new = history < MEDIUM_BELOW and points[0].size < NEW_SHARE * points[-1].size
    reached = None if limit is None else _first_days(curve, limit - headroom)
    state = _state(trend, reached, is_new=is_new)
    tell = state in (ForecastState.DATE, ForecastState.NEW) and reached and reached[0] is not None
    expected, earliest, latest = [
        last_day + timedelta(days=day) if tell and day is not None else None for day in reached or (None,) * 3
    ]
    return Forecast(
        state,
        last_day,
        len(series),
        curve.level,
        _confidence(history, is_new=is_new),
        curve.weekly,
        curve.spread,
        headroom,
        {day: curve.at(day) for day in HORIZONS},
        limit,
        expected,
        earliest,
        latest,
        _named_jumps(series, trend),
    )


@dataclass(frozen=True)
class Curve:
    """The size so many days after the last one; before it, for fewer than 0."""

    level: float
    weekly: float
    spread: float
    differences: int  #: that the spread is known from
    size: float

    @classmethod
    def of(cls, trend: Trend) -> "Curve":
        differences = min(len(trend.adjusted_differences), QUARTER)
        return cls(trend.points[-1].size, trend.weekly, trend.spread, differences, trend.size)

    def line(self, day: int) -> float:
        # The level is a week's mean: that of its middle, three days ago.
        return self.level + self.weekly * (day + 3) / 7

    def half_width(self, day: int) -> float:
        w = day / 7
        variance = self.spread**2 * (w + w**2 / self.differences + 1 / 4) + (SLOPE_ERROR * self.weekly * w) ** 2
        return EIGHTY_PERCENT * sqrt(variance) + ROUNDING * self.size

    def low(self, day: int) -> float:
        return self.line(day) - self.half_width(day)

    def high(self, day: int) -> float:
        return self.line(day) + self.half_width(day)

    def at(self, day: int) -> Range:
        return Range(self.line(day), self.low(day), self.high(day))


def _headroom(series: Series, trend: Trend, curve: Curve) -> float:
    """By how much the largest size of a day was above the line lately, and after the last jump."""
    end, begin = series.days[-1], -PEAK_DAYS
    if trend.jumps:
        begin = max(begin, trend.recent[trend.jumps[-1].place + 1].week * 7 - 7)
    lately = series.since(end + begin + 1)
    return max(0.0, *(peak - curve.line(day - end) for day, peak in zip(lately.days, lately.peaks, strict=True)))


def _first_days(curve: Curve, size: float) -> tuple[int | None, int | None, int | None]:
    """On which day the line, the high and the low curve reach a size, if within FARTHEST days."""

    def first(reading: Callable[[int], float]) -> int | None:
        # Once a curve has reached it, it stays there: what grows does not turn. Ten readings, not 731.
        day = bisect_left(range(FARTHEST + 1), True, key=lambda day: reading(day) >= size)
        return day if day <= FARTHEST else None

    if curve.line(0) >= size:
        return 0, 0, 0
    if curve.weekly <= 0:
        return None, None, None
    return first(curve.line), first(curve.high), first(curve.low)


def _state(trend: Trend, reached: tuple[int | None, ...] | None, *, is_new: bool) -> ForecastState:
    if reached and reached[0] == 0:
        return ForecastState.OVER
    if is_new:
        return ForecastState.NEW
    if reached is None:
        return ForecastState.NO_LIMIT
    if reached[0] is not None:
        return ForecastState.DATE
    if abs(trend.weekly) * HALF_YEAR < FLAT * trend.size:
        return ForecastState.FLAT
    return ForecastState.GROWING_SLOWLY if trend.weekly > 0 else ForecastState.SHRINKING


def _confidence(history: int, *, is_new: bool) -> Confidence:
    if is_new or history < LOW_BELOW:
        return Confidence.LOW
    return Confidence.MEDIUM if history < MEDIUM_BELOW else Confidence.HIGH


def _named_jumps(series: Series, trend: Trend) -> tuple[NamedJump, ...]:
    """A jump across neighbouring weeks is told once, on its day of the largest change."""
    end = series.days[-1]
    spans: list[list[int]] = []
    sizes: list[float] = []
    for index, moved in trend.jumps:
        if spans and spans[-1][-1] == index - 1 and (sizes[-1] > 0) == (moved > 0):
            spans[-1].append(index)
            sizes[-1] += moved
        else:
            spans.append([index])
            sizes.append(moved)
    named = []
    for span, size in zip(spans, sizes, strict=True):
        first, last = trend.recent[span[0]].week, trend.recent[span[-1] + 1].week
        around = series.since(end + first * 7 - 6)
        pairs = pairwise(zip(around.days, around.sizes, strict=True))
        change = {day: after - before for (_day, before), (day, after) in pairs if day - end <= last * 7}
        largest = max if size > 0 else min
        named.append(NamedJump(date.fromordinal(largest(change, key=change.__getitem__)), size))
    return tuple(named)

"""How good forecasts are: made from the past of made-up series, compared with what came.

Of each series five forecasts from at most 400 days of history, each with five limits above its peak.
"""

import statistics
import time
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random

from capacity.insight.forecast import HORIZONS, Forecast, forecast
from capacity.insight.weeks import Series
from capacity.models import ForecastState

from .families import every_series

HISTORY = 400  #: days
ORIGINS = 5  #: forecasts of one series
LIMITS = (1.02, 1.05, 1.1, 1.25, 1.5)  #: of the largest size so far
CROSSED_WITHIN = 180  #: days
NO_DATE = 365  #: days that a date is off that was not given
WORST_ERROR = 200  #: percent
ANNOUNCED, RIGHT = 60, 90  #: "full within 60 days" is right when it is full within 90
FLEET = 30_000  #: databases


@dataclass
class Scores:
    """Of many forecasts. Errors are percent of the size on the day of the forecast."""

    errors: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))  #: by days ahead
    covered: dict[int, list[bool]] = field(default_factory=lambda: defaultdict(list))
    date_errors: list[int] = field(default_factory=list)  #: days, of limits that were reached
    found: list[bool] = field(default_factory=list)  #: of limits reached soon: whether it was announced
    right: list[bool] = field(default_factory=list)  #: of those announced: whether it was reached
    seconds: float = 0
    forecasts: int = 0

    def mean_error(self, horizon: int) -> float:
        return statistics.fmean(self.errors[horizon])

    def cover(self, horizon: int) -> float:
        return 100 * statistics.fmean(self.covered[horizon])

    @property
    def median_date_error(self) -> float:
        return statistics.median(self.date_errors)

    @property
    def recall(self) -> float:
        return 100 * statistics.fmean(self.found)

    @property
    def precision(self) -> float:
        return 100 * statistics.fmean(self.right)

    @property
    def seconds_per_fleet(self) -> float:
        """What the forecasts of FLEET databases take, without reading and writing."""
        return self.seconds / self.forecasts * FLEET


def backtest(per_family: int = 30, seed: int = 1) -> dict[str, Scores]:
    """The scores of each family, and of "all"."""
    scores: dict[str, Scores] = defaultdict(Scores)
    for number, (family, series) in enumerate(every_series(per_family, seed)):
        random = Random(f"{seed} origins {number}")
        begin, end = series.days[0], series.days[-1]
        for _origin in range(ORIGINS):
            # A series that is loaded at its beginning is asked about that.
            today = begin + random.randint(28, 150 if family == "ramp" else end - begin - CROSSED_WITHIN)
            known = bisect_right(series.days, today)
            past = Series(series.days[:known], series.sizes[:known], series.peaks[:known]).since(today - HISTORY + 1)
            for group in ("all", family):
                _score(scores[group], past, series.since(today + 1))
    return scores


def _score(scores: Scores, past: Series, future: Series) -> None:
    peak = max(past.peaks)
    begun = time.process_time()
    found = forecast(past, int(peak * LIMITS[0]))
    scores.seconds += time.process_time() - begun
    scores.forecasts += 1
    if found.state == ForecastState.TOO_LITTLE_HISTORY:
        return
    _score_sizes(scores, found, past, future)
    for factor in LIMITS:
        limit = int(peak * factor)
        _score_date(scores, forecast(past, limit), limit, future)


def _score_sizes(scores: Scores, found: Forecast, past: Series, future: Series) -> None:
    for horizon in HORIZONS:
        day = past.days[-1] + horizon
        around = [size for at, size in zip(future.days, future.sizes, strict=True) if abs(at - day) <= 3]
        if not around:
            continue
        actual, expected = statistics.fmean(around), found.ranges[horizon]
        error = 100 * abs(expected.size - actual) / max(past.sizes[-1], 1)
        scores.errors[horizon].append(min(error, WORST_ERROR))
        scores.covered[horizon].append(expected.low <= actual <= expected.high)


def _score_date(scores: Scores, found: Forecast, limit: int, future: Series) -> None:
    today = found.last_day.toordinal()
    ages = (day - today for day, peak in zip(future.days, future.peaks, strict=True) if peak >= limit)
    reached = next((age for age in ages if age <= CROSSED_WITHIN), None)
    expected = (found.expected_on - found.last_day).days if found.expected_on else None
    if found.state == ForecastState.OVER:
        expected = 0
    if reached is not None:
        off = NO_DATE if expected is None else min(abs(expected - reached), NO_DATE)
        scores.date_errors.append(off)
        if reached <= ANNOUNCED:
            scores.found.append(expected is not None and expected <= ANNOUNCED)
    if expected is not None and expected <= ANNOUNCED:
        scores.right.append(reached is not None and reached <= RIGHT)

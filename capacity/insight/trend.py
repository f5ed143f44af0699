"""How much a series grows in a week: steps 2 to 4 and the spread of step 6 of the method (see forecast.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .robust import deviation, mad, median, theil_sen
from .weeks import Jump, Point, differences, recent, runs, take_out_jumps

HALF_YEAR, QUARTER = 26, 13  #: weeks
LEAST_POINTS = 4

FADED = 0.7  #: a newer half that grows less than this share of the older one is the end of a load ...
LOADED = 0.1  #: ... if the older one grew by more than this share of the size

STILL = 1e-4  #: of the size, in a week: an allocated file that does not grow
STEP = 1e-3  #: of the size, in a week: one that does
LEAST_STEPS = 2


@dataclass(frozen=True)
class Trend:
    """Of weekly means, oldest first. Bytes, and bytes per week."""

    points: Sequence[Point]  #: of at most 52 weeks; at least LEAST_POINTS of them, two in the last half year

    @cached_property
    def recent(self) -> list[Point]:
        return recent(self.points, HALF_YEAR)

    @cached_property
    def size(self) -> float:
        """What every share of the size is a share of."""
        return max(median([point.size for point in self.recent]), 1.0)

    @cached_property
    def _without_jumps(self) -> tuple[list[Point], list[Jump]]:
        return take_out_jumps(self.recent, self.size)

    @property
    def jumps(self) -> list[Jump]:
        """Those of the last half year, as indexes of `recent`."""
        return self._without_jumps[1]

    @cached_property
    def differences(self) -> list[float]:
        """Of the last half year, per week."""
        return differences(self.recent)

    @cached_property
    def adjusted_differences(self) -> list[float]:
        adjusted, jumps = self._without_jumps
        return differences(adjusted) if jumps else self.differences

    @cached_property
    def spread(self) -> float:
        """How far the weekly differences scatter."""
        raw, adjusted = self.differences, self.adjusted_differences
        scatter = deviation(adjusted)
        return max(mad(adjusted), 0.5 * scatter, 0.5 * (scatter if adjusted is raw else deviation(raw)))

    @cached_property
    def weekly(self) -> float:
        """The growth per week that is expected to go on."""
        if self._grows_by_steps():
            first, last = self.points[0], self.points[-1]
            return (last.size - first.size) / (last.week - first.week)
        slope = self._slope_of_quarter()
        if len(self.points) < HALF_YEAR:
            return slope
        adjusted, _jumps = take_out_jumps(self.points, self.size)
        every_other = adjusted[::-2][::-1]
        return (slope + theil_sen(every_other)) / 2

    def _slope_of_quarter(self) -> float:
        """Of the last 13 weeks without jumps; of their end alone while a load fades in them."""
        adjusted, _jumps = self._without_jumps
        x = recent(adjusted, QUARTER)
        if len(x) < LEAST_POINTS:
            x = adjusted[-LEAST_POINTS:]
        slope = theil_sen(x)
        while len(x) >= LEAST_POINTS:
            half = len(x) // 2
            older, newer = x[: half + 1], x[half:]
            before, after = theil_sen(older), theil_sen(newer)
            grew = older[-1].size - older[0].size
            if not (before > 0 and after < FADED * before and grew > LOADED * abs(x[-1].size)):
                break
            x, slope = newer, after
        return slope

    def _grows_by_steps(self) -> bool:
        """As files do that are allocated in large pieces: mostly nothing, then a step, and never back."""
        found, still, step = self.differences, STILL * self.size, STEP * self.size
        if 2 * len([one for one in found if abs(one) <= still]) < len(found) or min(found) < -step:
            return False
        return len(runs(found, lambda d: d > step)) >= LEAST_STEPS

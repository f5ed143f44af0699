"""Statistics that a few wild values do not move. Plain floats: nothing here is worth a library of its own."""

from collections.abc import Sequence
from itertools import combinations
from math import sqrt

#: Makes a median absolute deviation an estimate of the standard deviation (of a normal distribution).
MAD_TO_SD = 1.4826


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle. IndexError when there is none."""
    # statistics.median is four times as slow, and this is most of what a forecast costs.
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def mad(values: Sequence[float]) -> float:
    """The median absolute deviation from the median, scaled to a standard deviation; 0 of nothing."""
    if not values:
        return 0.0
    middle = median(values)
    return MAD_TO_SD * median([abs(value - middle) for value in values])


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of a population; 0 of nothing."""
    if not values:
        return 0.0
    mean = sum(values) / len(values)
    return sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def theil_sen(points: Sequence[tuple[int, float]]) -> float:
    """The median of the slopes of all pairs of points (x, y), whose x all differ; 0 of fewer than two.

    Theil (1950), Sen (1968): up to 29 % of the points may be anything.
    """
    if len(points) < 2:
        return 0.0
    slopes = [(later - sooner) / (x - before) for (before, sooner), (x, later) in combinations(points, 2)]
    return median(slopes)

"""The figures of forecasts and of the jump rule, with the targets they are to reach."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from capacity.insight.forecast import HORIZONS

from .backtest import Scores, backtest
from .jump_rule import INJECTED, score_jump_rule


@dataclass(frozen=True)
class Figure:
    """One number of all families together, and whether it may be at most or must be at least its target."""

    name: str
    value: float
    target: float
    at_most: bool

    @property
    def reached(self) -> bool:
        return self.value <= self.target if self.at_most else self.value >= self.target


@dataclass(frozen=True)
class ForecastFigures:
    families: dict[str, Scores]
    figures: list[Figure]

    def as_dict(self) -> dict[str, Any]:
        return {
            "families": {name: family_row(scores) for name, scores in self.families.items()},
            "figures": {one.name: {"value": one.value, "target": one.target} for one in self.figures},
        }


def measure_forecasts(per_family: int, seed: int) -> ForecastFigures:
    """Pure: no database is read or written."""
    families = backtest(per_family, seed)
    return ForecastFigures(families, [*_forecast_figures(families["all"]), *_jump_figures(20 * per_family, seed)])


def family_row(scores: Scores) -> dict[str, float | None]:
    """Percent and days; None where the family has no such case."""
    return {
        **{f"mae{days}": scores.mean_error(days) for days in HORIZONS},
        "dmed": scores.median_date_error if scores.date_errors else None,
        "rec60": scores.recall if scores.found else None,
        "prc60": scores.precision if scores.right else None,
        **{f"cover{days}": scores.cover(days) for days in HORIZONS},
    }


def _forecast_figures(scores: Scores) -> Iterator[Figure]:
    for days, target in zip(HORIZONS, (2.6, 7.5, 13), strict=True):
        yield Figure(f"mae{days}", scores.mean_error(days), target, at_most=True)
    yield Figure("dmed", scores.median_date_error, 11, at_most=True)
    yield Figure("rec60", scores.recall, 85, at_most=False)
    yield Figure("prc60", scores.precision, 85, at_most=False)
    for days, target in zip(HORIZONS, (88, 80, 75), strict=True):
        yield Figure(f"cover{days}", scores.cover(days), target, at_most=False)
    yield Figure("seconds_per_30000", scores.seconds_per_fleet, 30, at_most=True)


def _jump_figures(databases: int, seed: int) -> Iterator[Figure]:
    scores = score_jump_rule(databases, seed)
    yield Figure("false_alarms", scores.false_alarms, 3, at_most=True)
    for factor in INJECTED:
        yield Figure(f"found{100 * (factor - 1):+.0f}%", scores.found_percent(factor), 97, at_most=False)

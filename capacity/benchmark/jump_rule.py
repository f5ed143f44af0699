"""How often the jump rule cries over nothing, and how many jumps it finds, on a made-up fleet."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from random import Random

from capacity.insight.events import GIB, USUAL_DAYS, changes
from capacity.insight.weeks import Series

from .families import series

#: Of a hundred databases, how many live like this; only families in which nothing is an event.
MIX = {
    "flat": 35,
    "steady": 25,
    "allocated": 10,
    "saw-tooth": 5,
    "month-end": 5,
    "compound": 5,
    "retention": 5,
    "missing days": 5,
    "season": 5,
}
INJECTED = (1.25, 0.5)  #: what a database is multiplied with on one day
LARGE = 4 * GIB  #: a smaller one's quarter is under the floor


@dataclass
class JumpScores:
    alarms: int = 0
    weeks: float = 0  #: of all databases together
    found: dict[float, list[bool]] = field(default_factory=lambda: {factor: [] for factor in INJECTED})

    @property
    def false_alarms(self) -> float:
        """Per 1,000 databases and week."""
        return 1000 * self.alarms / self.weeks

    def found_percent(self, factor: float) -> float:
        return 100 * statistics.fmean(self.found[factor])


def score_jump_rule(databases: int, seed: int) -> JumpScores:
    """Of databases with at least a quarter of history; `databases`: a multiple of 20."""
    scores = JumpScores()
    for number, family in enumerate(_mix(databases)):
        found = series(family, number, seed)
        first = found.days[0] + USUAL_DAYS
        scores.alarms += len(list(changes(found, date.fromordinal(first))))
        scores.weeks += (found.days[-1] - first) / 7
        at = Random(f"{seed} jump {number}").randrange(200, len(found))
        day = date.fromordinal(found.days[at])
        if found.sizes[at] >= LARGE:
            for factor in INJECTED:
                events = changes(_injected(found, at, factor), day)
                scores.found[factor].append(any(event.day == day for event in events))
    return scores


def _mix(databases: int) -> Iterator[str]:
    for family, percent in MIX.items():
        yield from [family] * (databases * percent // 100)


def _injected(found: Series, at: int, factor: float) -> Series:
    sizes = [*found.sizes[:at], *(int(size * factor) for size in found.sizes[at:])]
    return Series(found.days, sizes, sizes)

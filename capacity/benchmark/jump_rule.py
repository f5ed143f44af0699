"""How often the jump rule cries over nothing, and how many jumps it finds, on a made-up fleet."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from capacity.insight.events import GIB, USUAL_DAYS, changes
from capacity.insight.weeks import Day

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
        days = series(family, number, seed)
        first = days[0].day + timedelta(days=USUAL_DAYS)
        scores.alarms += len(list(changes(days, first)))
        scores.weeks += (days[-1].day - first).days / 7
        at = Random(f"{seed} jump {number}").randrange(200, len(days))
        if days[at].last >= LARGE:
            for factor in INJECTED:
                events = changes(_injected(days, at, factor), days[at].day)
                scores.found[factor].append(any(event.day == days[at].day for event in events))
    return scores


def _mix(databases: int) -> Iterator[str]:
    for family, percent in MIX.items():
        yield from [family] * (databases * percent // 100)


def _injected(days: Sequence[Day], at: int, factor: float) -> list[Day]:
    return [
        *days[:at],
        *(Day(one.day, int(one.last * factor), int(one.peak * factor)) for one in days[at:]),
    ]

"""What a scenario gives: what the work took, what it is compared with, and the targets."""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from capacity.errors import CapacityError

from .filling import fill, number
from .fleet import Fleet
from .measure import Measured

MEMORY_TARGET_MB = 150


class RunIncomplete(CapacityError):
    """What is measured did not do all of its work."""

    code = "run_incomplete"


@dataclass(frozen=True)
class Figures:
    """One line of the tables. Either it is compared with another way (`other`), or it has seconds of its own."""

    scenario: str
    work: Measured
    other: Measured | None = None
    other_name: str = ""
    rows: int = 0  #: that one run wrote
    ratio_target: float | None = None
    seconds_target: float | None = None  #: of the median
    statements_target: int | None = None
    memory_target_mb: int = MEMORY_TARGET_MB
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.work.median / self.other.median if self.other else None

    @property
    def p95(self) -> float:
        """Of the work, seconds."""
        ordered = sorted(self.work.seconds)
        return ordered[-(-len(ordered) * 95 // 100) - 1]

    def as_dict(self) -> dict[str, Any]:
        own = {"ratio": self.ratio, "median": self.work.median, "p95": self.p95}
        return asdict(self) | own | {"rows_per_second": self.rows / self.work.median}


@dataclass
class Bench:
    """What scenarios are measured with."""

    fleet: Fleet
    runs: int  #: of each way, in turn
    import_rows: int
    requests: int  #: of each page
    say: Callable[[str], object] = field(default=lambda text: None)
    _there: Fleet | None = None

    def have(self, fleet: Fleet) -> None:
        """Has this fleet in the (scratch) database, with nothing else; filling it is not measured."""
        if self._there == fleet:
            return
        made = Measured()
        made.run(lambda: fill(fleet))
        self._there = fleet
        self.say(
            _("%(samples)s samples of %(instances)d instances made in %(seconds).0f s.")
            % {
                "samples": f"{number('SELECT COUNT(*) FROM database_size_stats'):,}",
                "instances": fleet.instances,
                "seconds": statistics.fmean(made.seconds),
            }
        )

    def forget(self) -> None:
        """The scenario has changed the fleet: the next one makes its own."""
        self._there = None

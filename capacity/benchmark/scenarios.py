"""What is measured. Each scenario does the product's own work and something else in turn, and gives the figures."""

from collections.abc import Callable, Iterator

from .figures import Bench, Figures
from .imports import imported, pushed
from .pages import pages
from .rollups import daily, history, hourly, poisoned, scheduled, wide

#: In the order in which one fleet serves as many as it can.
SCENARIOS: dict[str, Callable[[Bench], Iterator[Figures]]] = {
    "scheduled": scheduled,
    "daily": daily,
    "poison": poisoned,
    "push": pushed,
    "wide": wide,
    "pages": pages,
    "hourly": hourly,
    "history": history,
    "import": imported,
}

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .results import InstanceRef, InstanceResult


def ignore(_instances: Sequence[object]) -> None:
    """The listener of those who do not want to know."""


@dataclass(frozen=True)
class ProgressCallbacks:
    """Who hears of a run's progress; each call is about a chunk of instances.

    `on_complete` (completed and skipped ones) and `on_error` are called in the transaction that holds
    the rows, so that what they write is committed together with them.
    """

    on_start: Callable[[Sequence[InstanceRef]], None] = ignore
    on_complete: Callable[[Sequence[InstanceResult]], None] = ignore
    on_error: Callable[[Sequence[InstanceResult]], None] = ignore

    def then(self, other: "ProgressCallbacks") -> "ProgressCallbacks":
        """Tells `self` first, then `other`."""

        def both(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
            def call(instances: Sequence[object]) -> None:
                first(instances)
                second(instances)

            return call

        return ProgressCallbacks(
            both(self.on_start, other.on_start),
            both(self.on_complete, other.on_complete),
            both(self.on_error, other.on_error),
        )

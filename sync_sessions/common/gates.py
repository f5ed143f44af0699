"""At most so many at a time in this process: for what holds one of its few threads for long."""

from collections.abc import Callable, Iterator
from itertools import chain
from threading import BoundedSemaphore
from types import TracebackType
from typing import Any

from django.utils.functional import Promise


class Busy(Exception):
    """All places are taken; the text says of what, `retry_after` when to come again, in seconds."""

    code = "too_many_at_once"

    def __init__(self, text: str, retry_after: int) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Gate:
    """`enter` takes one of `most` places or raises Busy at once, as who waits holds a thread too."""

    def __init__(self, most: int, text: str | Promise, retry_after: int) -> None:
        self.most, self.text, self.retry_after = most, text, retry_after
        self._places = BoundedSemaphore(most)

    def enter(self) -> None:
        if not self._places.acquire(blocking=False):
            raise Busy(str(self.text), self.retry_after)

    def leave(self) -> None:
        self._places.release()

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, kind: type[BaseException] | None, error: Any, traceback: TracebackType | None) -> None:
        self.leave()

    def around(self, made: Callable[[], Iterator[str]]) -> "Held":
        """The iterator that `made` gives, with a place in the gate until it ends, raises or is closed."""
        self.enter()
        try:
            return Held(made(), self)
        except BaseException:
            self.leave()
            raise


class Held:
    """An iterator that leaves its gate once: Django closes that of an answer, read to its end or not."""

    def __init__(self, lines: Iterator[str], gate: Gate) -> None:
        self._lines = lines
        self._gate: Gate | None = gate

    def begin(self) -> None:
        """Makes the first item now, to be given first; raises what making it raises."""
        first = next(self)
        self._lines = chain([first], self._lines)

    def __iter__(self) -> "Held":
        return self

    def __next__(self) -> str:
        try:
            return next(self._lines)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.leave()

    __del__ = close

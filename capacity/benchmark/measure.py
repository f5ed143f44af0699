"""Wall time, statements and peak memory of a piece of work in this process."""

import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


@dataclass
class Measured:
    """What several runs of the same piece of work took."""

    seconds: list[float] = field(default_factory=list)
    statements: int = 0  #: of one run; BEGIN and COMMIT are among them on SQLite alone
    peak_mb: float = 0  #: of the whole process (2^20 bytes), the largest of all runs

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def run(self, work: Callable[[], Any]) -> Any:
        """Runs it once more; gives what it returns."""
        counter = _Counter()
        gc.collect()
        _forget_peak_memory()
        with _query_log_off(), _counted_by(counter):
            begun = time.perf_counter()
            result = work()
            self.seconds.append(time.perf_counter() - begun)
        self.statements = max(self.statements, counter.statements)
        self.peak_mb = max(self.peak_mb, peak_memory_mb())
        return result


class _Counter:
    def __init__(self) -> None:
        self.statements = 0
        self._lock = Lock()  # lanes of a run count as well

    def __call__(self, execute: Callable[..., Any], sql: str, params: Sequence[Any], many: bool, context: Any) -> Any:
        with self._lock:
            self.statements += 1
        return execute(sql, params, many, context)


@contextmanager
def _counted_by(counter: _Counter) -> Iterator[None]:
    """The statements of this thread's connection, and of those that the work opens."""

    def join(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        if counter not in connection.execute_wrappers:
            connection.execute_wrappers.append(counter)

    connection_created.connect(join)
    try:
        with connection.execute_wrapper(counter):
            yield
    finally:
        connection_created.disconnect(join)


@contextmanager
def _query_log_off() -> Iterator[None]:
    """DEBUG makes Django time and keep every statement."""
    debug, forced = settings.DEBUG, connection.force_debug_cursor
    settings.DEBUG = connection.force_debug_cursor = False
    try:
        yield
    finally:
        settings.DEBUG, connection.force_debug_cursor = debug, forced


def _forget_peak_memory() -> None:
    """From here on the peak is counted anew. Linux alone can do it: elsewhere it is that of the process's life."""
    if sys.platform == "linux":
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")


def peak_memory_mb(pid: int | str = "self") -> float:
    """Of a process. Elsewhere than on Linux: of this one."""
    if sys.platform == "linux":
        with open(f"/proc/{pid}/status") as status:
            peak = next(line for line in status if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    unit = 1024 if sys.platform == "darwin" else 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / unit

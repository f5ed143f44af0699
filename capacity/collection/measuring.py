"""Measuring servers: in threads, each within its time, whatever the servers do. Nothing is written here."""

import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from threading import Event, Thread
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone

from capacity.errors import CapacityError
from capacity.models import DbType, Instance
from capacity.runs.faults import describe

from .hosts import check_host
from .sources import (
    SOURCES,
    CollectionError,
    DatabaseSize,
    Measurement,
    NotCollected,
    NotSized,
    Source,
    Target,
    Unsized,
)
from .sources.answers import MAX_VERSION, UNREACHABLE, OverBudget
from .sources.prometheus import Reads
from .validation import name_problem

log = structlog.get_logger(__name__)

WORKERS = 8  #: servers measured at a time
CONNECT_TIMEOUT = 5  #: seconds
GRACE = 5  #: seconds beyond its budget after which a server's thread is not waited for

Outcome = tuple[Any, Measurement | CapacityError]
Prepared = Iterable[tuple[Any, Source | Measurement | CapacityError]]


def source_of(instance: Instance, **timeouts: float) -> Source:
    """How to reach the instance; `timeouts` in place of those of the settings.

    Raises NotCollected (nothing can be collected from here), CollectionError, FieldKeyError.
    """
    if not instance.host:
        raise NotCollected("no_host", "The instance has no host: its samples are only pushed.")
    if instance.db_type not in SOURCES:
        name = DbType(instance.db_type).label
        raise NotCollected(
            "engine_not_supported", f"Collection from {name} is not available: import its samples by CSV."
        )
    defaults = {
        "connect_timeout": CONNECT_TIMEOUT,
        "statement_timeout": settings.WHALEFALL_COLLECT_TIMEOUT,
        "time_budget": settings.WHALEFALL_COLLECT_BUDGET,
    }
    target = Target(
        instance.host,
        instance.port,
        instance.username,
        instance.password,
        instance.database_name,
        tls_mode=instance.tls_mode,
        tls_ca=instance.tls_ca,
        **{**defaults, **timeouts},
    )
    return SOURCES[instance.db_type](target)


def prepare(instances: Iterable[Instance], reads: Reads | None = None) -> Prepared:
    """Each with its source, with what a Prometheus has of it, or with the reason why there is neither."""
    for instance in instances:
        try:
            yield instance, (reads and reads.answer(instance)) or source_of(instance)
        except CapacityError as error:
            yield instance, error


def measure(
    instances: Iterable[Any],
    prepare: Callable[[list[Any]], Prepared] = prepare,
    *,
    workers: int = WORKERS,
    beat: float = 15,
    on_beat: Callable[[], None] = lambda: None,
) -> Generator[Outcome]:
    """Measures `workers` servers at a time and gives each instance with what came of it, as it comes.

    `prepare` is called with the instances whose turn it is and gives the source of each, or what there is to say of
    it already; `on_beat` is called whenever nothing has come for `beat` seconds;
    both in the calling thread, where the ORM may be used. When the iterator is closed, what is still being
    measured is hung up. An error that is no Exception (SystemExit) in a thread is raised here.
    """
    waiting, measuring = deque(instances), dict[Future[Measurement], tuple[Any, Source]]()
    stop = Event()
    try:
        while waiting or measuring:
            batch = [waiting.popleft() for _ in range(min(len(waiting), workers - len(measuring)))]
            for instance, source in prepare(batch) if batch else ():
                if isinstance(source, Source):
                    measuring[_in_thread(measure_one, source, stop)] = instance, source
                else:
                    yield instance, source
            if not measuring:
                continue
            done, _running = wait(measuring, _until_next(measuring, beat), FIRST_COMPLETED)
            overdue = [] if done else [future for future in measuring if _is_overdue(measuring[future][1])]
            if not done and not overdue:
                on_beat()
            for future in (*done, *overdue):
                instance, source = measuring.pop(future)
                yield instance, _result(source, future)
    finally:
        stop.set()
        for _instance, source in measuring.values():
            source.hang_up()


def measure_one(source: Source, stop: Event) -> Measurement:
    """Measures every database of one server. Runs in a thread: network only.

    Raises CollectionError, HostRefused or HostUnknown. A database that cannot be sized is named in the
    measurement and does not stop the others; so is one for which no time was left. Setting `stop` ends it at
    the next database.
    """
    began, measured_at = time.monotonic(), timezone.now()
    sizes: list[DatabaseSize] = []
    with closing(source):
        _open(source)
        version = source.words(source.server_version())[:MAX_VERSION]
        names = source.database_names()
        not_sized = source.not_listed()
        for place, name in enumerate(names):
            if stop.is_set():
                raise CollectionError("cancelled", "The run was cancelled.")
            try:
                if time.monotonic() - began > source.target.time_budget:
                    raise source.over_budget()
                # Of a name that no sample may have: said here, so that it does not refuse the others.
                if problem := name_problem(name):
                    not_sized.append(Unsized(repr(name)[1:-1], problem[1]))
                    continue
                size = source.size(name)
            except NotSized as error:
                not_sized.append(Unsized(name, str(error)))
            except OverBudget as error:
                if not sizes:
                    raise source.nothing_in_time(len(names)) from None
                not_sized += [Unsized(left, str(error)) for left in names[place:]]
                break
            else:
                sizes += [size] if size else []
        volumes = source.volumes()
    duration = round(time.monotonic() - began, 3)
    notes = tuple(source.notes)
    return Measurement(
        measured_at, duration, version, tuple(sizes), tuple(not_sized), notes, tuple(volumes), source.limit_source
    )


def _open(source: Source) -> None:
    """Connects to the first address of the host that answers."""
    *others, last = check_host(source.target.host)
    for address in others:
        try:
            return source.open(address)
        except CollectionError as error:
            if error.code not in UNREACHABLE:
                raise
    return source.open(last)


def _in_thread(work: Callable[[Source, Event], Measurement], source: Source, stop: Event) -> Future[Measurement]:
    """In a thread that nobody waits for at the end of the process, as those of a pool would be."""
    future = Future[Measurement]()

    def run() -> None:
        try:
            result = work(source, stop)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    Thread(target=run, name="collect", daemon=True).start()
    return future


def _is_overdue(source: Source) -> bool:
    return time.monotonic() > source.end + GRACE


def _until_next(measuring: dict[Future[Measurement], tuple[Any, Source]], beat: float) -> float:
    first = min(source.end for _instance, source in measuring.values()) + GRACE
    return max(0.01, min(beat, first - time.monotonic()))


def _result(source: Source, future: Future[Measurement]) -> Measurement | CapacityError:
    if not future.done():
        source.hang_up()
        return source.nothing_in_time()
    try:
        return future.result()
    except CapacityError as error:
        return error
    except Exception as error:
        return unexpected(source, error)


def unexpected(source: Source, error: Exception) -> CollectionError:
    """For what no source knows of: it is logged, and told."""
    # Without the variables that a logged exception shows in development: the password is among them.
    text = "".join(traceback.format_exception(error))
    log.error("collection.unexpected_error", host=source.target.host, traceback=source.hidden(text))
    return CollectionError("unexpected_error", source.hidden(describe(error)))

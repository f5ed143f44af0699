"""Work side by side: lanes, each a thread with a database connection of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections

log = structlog.get_logger(__name__)


class _Stopped(BaseException):
    """In a lane: the work has been ended elsewhere. Nothing that catches an Exception holds it up."""


def lanes_of_a_run() -> int:
    """How many chunks of a run are computed at a time.

    One on SQLite, which has one writer at a time, and within a caller's transaction, which no other connection sees.
    """
    alone = connection.vendor != "postgresql" or connection.in_atomic_block
    return 1 if alone else settings.WHALEFALL_PARALLEL_CHUNKS


def in_lanes(work: Callable[[int], None], items: Sequence[int], lanes: int) -> None:
    """`work(item)` for each, begun in their order, `lanes` at a time; one lane is this thread itself.

    The first exception ends it and is the one that is raised, be it a lane's or one that a signal raises in this
    thread (the time limit of a job, Ctrl-C): the lanes end before their next statement, with their transactions rolled
    back and their connections closed, and only then it goes on. The context of the log goes with the work.
    """
    if min(lanes, len(items)) < 2:
        for item in items:
            work(item)
        return
    caller = connections[DEFAULT_DB_ALIAS]
    todo: SimpleQueue[int | None] = SimpleQueue()
    for one in (*items, *[None] * lanes):
        todo.put(one)
    raised: list[BaseException] = []

    def stop(execute: Callable[..., Any], *statement: Any) -> Any:
        if raised:
            raise _Stopped
        return execute(*statement)

    def lane() -> None:
        connections[DEFAULT_DB_ALIAS] = caller.copy()
        try:
            with connection.execute_wrapper(stop):
                for item in iter(todo.get, None):
                    if raised:
                        break
                    work(item)
        except _Stopped:
            pass
        except BaseException as error:
            raised.append(error)
            if error is not raised[0]:
                log.info("aggregation.second_error", error=repr(error))
        finally:
            connection.close()

    with ThreadPoolExecutor(lanes, thread_name_prefix="lane") as pool:
        try:
            # Not joined: a join that a signal interrupts takes its thread for ended.
            wait([pool.submit(copy_context().run, lane) for _lane in range(lanes)])
        except BaseException as error:
            raised.append(error)
            raise
    if raised:
        raise raised[0]

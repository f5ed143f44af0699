"""No page holds a thread for longer than a few seconds of the database's time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection
from psycopg2.extensions import TRANSACTION_STATUS_INERROR

PAGE_SECONDS = 10
STEPS = 100_000  #: of SQLite's virtual machine, from one look at the clock to the next: some milliseconds


@contextmanager
def limited_statements(seconds: float) -> Iterator[None]:
    """Within it the database stops a statement after so many seconds; on SQLite, all of them together.

    What it raises then is an OperationalError that `timed_out` knows. Set with the first statement, so that a page
    without one opens no connection, and past Django's cursors, as it is none of the page's queries.
    """
    limited: list[Any] = []

    def limit(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        driver = context["connection"].connection
        if not limited:
            limited.append(driver)
            _limit(driver, seconds)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(limit):
        try:
            yield
        finally:
            # A connection that was given up meanwhile takes its limit with it.
            if limited and connection.connection is limited[0]:
                _unlimit(limited[0])


def _limit(driver: Any, seconds: float) -> None:
    if connection.vendor == "postgresql":
        with driver.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {int(seconds * 1000)}")
    else:
        deadline = time.monotonic() + seconds
        driver.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)


def _unlimit(driver: Any) -> None:
    if connection.vendor != "postgresql":
        driver.set_progress_handler(None, 0)
    elif not driver.closed and driver.get_transaction_status() != TRANSACTION_STATUS_INERROR:
        with driver.cursor() as cursor:
            cursor.execute("RESET statement_timeout")


def timed_out(error: BaseException) -> bool:
    """Whether the database stopped a statement that took too long."""
    interrupted = isinstance(error, OperationalError) and str(error) == "interrupted"
    return interrupted or getattr(error.__cause__, "pgcode", None) == "57014"

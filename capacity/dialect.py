"""The few things that SQLite and PostgreSQL say differently."""

from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from capacity.units import hundredths


def percent_of(change: int | None, previous: int | None) -> float | None:
    """100 * change / previous, rounded half away from zero to 2 decimals; None without a previous, or of 0."""
    found = hundredths(change, previous)
    return None if found is None else found / 100


def register_sqlite_functions(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Gives SQLite, which has no exact decimals, `percent_of`. A receiver of `connection_created`."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("percent_of", 2, percent_of, deterministic=True)


def percent_sql(change: str, previous: str) -> str:
    """`percent_of` as SQL of the current connection."""
    if connection.vendor == "postgresql":
        # 30 decimals, so that no quotient is mistaken for a tie.
        return f"ROUND(100.{'0' * 30} * {change} / NULLIF({previous}, 0), 2)"
    return f"percent_of({change}, {previous})"


#: For the rest of a transaction on PostgreSQL that works on many rows at once. JIT is off: compiling costs a fifth of
#: a chunk's time and gains nothing. work_mem is enough for the groups of a chunk or a large import, which PostgreSQL
#: underestimates and would sort on disk (a sixth of the time). A page anywhere costs little more than the next one, as
#: on any disk of today: else the days of the whole fleet are read for a chunk's few instances.
FOR_MANY_ROWS = "SET LOCAL jit = off; SET LOCAL work_mem = '32MB'; SET LOCAL random_page_cost = 1.1"


def set_chunk_limits(seconds: float) -> None:
    """For the rest of this transaction on PostgreSQL: no statement longer than this.

    Foreign keys are checked by each statement, not at the commit, so that an instance deleted meanwhile is
    that instance's failure.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                f"SET CONSTRAINTS ALL IMMEDIATE; {FOR_MANY_ROWS}; SET LOCAL statement_timeout = %s",
                [int(seconds * 1000)],
            )

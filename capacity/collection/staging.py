"""Temporary tables of this connection that hold a batch until it is known to be good.

They are filled outside the transaction that writes the samples: SQLite, which has one write lock, does
not take it for temporary tables, so a large import keeps nobody waiting until its last step.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from io import StringIO
from typing import Any, NamedTuple

from django.db import Error, connection
from django.utils.translation import gettext as _

from .samples import MAX_LISTED, SampleError

BATCH = 5000

#: The order of the staged columns, `position` (the item's index) aside.
COLUMNS = "instance_id, database_name, size_bytes, data_size_bytes, log_size_bytes, collected_on, collected_at"


class Row(NamedTuple):
    """One valid sample as it is staged."""

    position: int
    instance_id: int
    database_name: str
    size_bytes: int
    data_size_bytes: int | None
    log_size_bytes: int | None
    collected_on: date
    collected_at: datetime


def execute(sql: str, params: Sequence[Any] = ()) -> int:
    """Runs one statement; gives its row count."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def fetch(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


@contextmanager
def staging_tables() -> Iterator[None]:
    """Makes the empty temporary table `incoming_samples`; drops it and those made from it in the end."""
    execute("""
        CREATE TEMPORARY TABLE incoming_samples (
            position bigint, instance_id bigint, database_name varchar(255),
            size_bytes bigint, data_size_bytes bigint, log_size_bytes bigint,
            collected_on date, collected_at timestamp with time zone
        )
    """)
    try:
        yield
    except BaseException:
        # A dead connection has taken its tables with it, and a broken transaction takes them back:
        # the error that matters is the one that led here.
        with suppress(Error):
            _drop()
        raise
    _drop()


def _drop() -> None:
    for table in ("incoming_samples", "incoming_days", "incoming_instances"):
        execute(f"DROP TABLE IF EXISTS {table}")


def load(rows: Sequence[Row]) -> None:
    """Adds rows to `incoming_samples`."""
    if connection.vendor == "postgresql":
        _copy(rows)
        return
    moment = connection.ops.adapt_datetimefield_value
    cells = [(*row[:6], row.collected_on.isoformat(), moment(row.collected_at)) for row in rows]
    # One parameter, as outside a transaction each of many rows would be a transaction of its own. And
    # executemany(), as DEBUG keeps the parameters of execute() in memory.
    picked = ", ".join(f"json_extract(value, '$[{n}]')" for n in range(len(Row._fields)))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO incoming_samples SELECT {picked} FROM json_each(%s)", [[json.dumps(cells)]])


def _copy(rows: Sequence[Row]) -> None:
    lines = StringIO()
    for row in rows:
        # Names have no tabs and line ends: the backslash alone has a meaning to COPY.
        cells = (*row[:2], row.database_name.replace("\\", "\\\\"), *row[3:7], row.collected_at.isoformat())
        lines.write("\t".join("\\N" if cell is None else str(cell) for cell in cells) + "\n")
    lines.seek(0)
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert("COPY incoming_samples FROM STDIN", lines)


def derive_days() -> list[date]:
    """Makes `incoming_days`, the (instance_id, collected_on) of the staged samples; gives the distinct days."""
    execute("""
        CREATE TEMPORARY TABLE incoming_days AS
        SELECT DISTINCT instance_id, collected_on FROM incoming_samples ORDER BY instance_id, collected_on
    """)
    # For the marks, which go by day: SQLite would compare every day with every mark.
    execute("CREATE INDEX incoming_days_by_day ON incoming_days (collected_on, instance_id)")
    # SQLite has dates as text.
    return [date.fromisoformat(str(day)) for (day,) in fetch("SELECT DISTINCT collected_on FROM incoming_days")]


def duplicates() -> tuple[list[SampleError], int]:
    """Errors for the first staged samples that repeat an earlier one, and how many more of them there are."""
    rows = fetch(
        """
        SELECT position, first, COUNT(*) OVER () FROM (
            SELECT position, MIN(position) OVER (PARTITION BY instance_id, database_name, collected_at) AS first
            FROM incoming_samples
        ) AS numbered
        WHERE position > first ORDER BY position LIMIT %s
        """,
        [MAX_LISTED],
    )
    text = _("The same instance, database and time as item %(first)d.")
    errors = [
        SampleError(index, "collected_at", "duplicate", text % {"first": first}, first)
        for index, first, _total in rows
    ]
    return errors, rows[0][2] - len(rows) if rows else 0

"""Running the set-based statements of ingest, and what both databases need to be told differently in them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection


@dataclass(frozen=True)
class Source:
    """Rows to stand behind FROM, under the alias v, and the parameters of their SQL."""

    sql: str
    params: tuple[Any, ...] = ()


class Statement(NamedTuple):
    """One that writes, and its parameters."""

    sql: str
    params: Sequence[Any] = ()


def write(*statements: Statement) -> int:
    """Runs statements in their order, on PostgreSQL on one way there and back; gives the row count of the last."""
    if connection.vendor == "postgresql":
        return execute(";".join(one.sql for one in statements), [value for one in statements for value in one.params])
    return [execute(*one) for one in statements][-1]


def execute(sql: str, params: Sequence[Any] = ()) -> int:
    """Runs one statement; gives its row count."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def fetch(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def upsert(
    table: str,
    columns: Mapping[str, str],
    key: Iterable[str],
    source: str,
    params: Sequence[Any] = (),
    new: bool = False,
) -> Statement:
    """INSERT of the `columns` (name: expression over `source`), in key order; rows that exist get the new values.

    `new`: none exists, and one that does is an error.
    """
    key = list(key)
    replaced = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    picked = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return Statement(
        f"""
        INSERT INTO {table} ({", ".join(columns)})
        SELECT * FROM (SELECT {picked} {source}) AS derived
        WHERE true ORDER BY {", ".join(key)}
        {"" if new else f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {replaced}"}
        """,
        params,
    )


def days_before(day: str, count: int) -> str:
    """The date so many days before the date `day`; SQLite has dates as text."""
    return f"({day} - {count})" if connection.vendor == "postgresql" else f"date({day}, '-{count} days')"


def minutes_after(day: str, count: int) -> str:
    """The moment so many minutes after (or before) the midnight in UTC with which the date `day` begins."""
    if connection.vendor == "postgresql":
        return f"(({day} + interval '{count} minutes') AT TIME ZONE 'UTC')"
    return f"datetime({day}, '{count} minutes')"


def moment(value: datetime) -> str:
    """A moment as text that both databases read as theirs."""
    if connection.vendor == "postgresql":
        return value.isoformat()
    return str(connection.ops.adapt_datetimefield_value(value))

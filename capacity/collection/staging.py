"""A batch until it is known to be good: a small one in memory, a large one in temporary tables of this connection.

A small one travels in the parameters of the statements that store it. The tables are filled outside the transaction
that writes the samples: SQLite, which has one write lock, does not take it for temporary tables, so a large
import keeps nobody waiting until its last step.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import cache
from io import StringIO
from typing import Any, NamedTuple, Self

from django.db import Error, connection
from django.utils.translation import gettext as _

from sync_sessions.records_sql import json_rows

from .samples import MAX_LISTED, SampleError
from .statements import Source, execute, fetch, moment

BATCH = 5000  #: samples that are held in memory

#: The types of a staged row's columns on PostgreSQL; SQLite needs none.
TYPES = {
    "position": "bigint",
    "instance_id": "bigint",
    "database_name": "varchar(255)",
    "size_bytes": "bigint",
    "data_size_bytes": "bigint",
    "log_size_bytes": "bigint",
    "collected_on": "date",
    "collected_at": "timestamp with time zone",
}
#: Those that are stored: all but the item's index.
COLUMNS = tuple(name for name in TYPES if name != "position")
TABLES = ("incoming_samples", "incoming_days", "incoming_instances")


class Row(NamedTuple):
    """One valid sample as it is staged."""

    position: int  #: the item's index
    instance_id: int
    database_name: str
    size_bytes: int
    data_size_bytes: int | None
    log_size_bytes: int | None
    collected_on: date
    collected_at: datetime


class Batch:
    """The valid samples of one ingest; a context, at whose end its tables are dropped."""

    def __init__(self) -> None:
        self.rows: list[Row] = []  #: those that are in memory
        self.staged = False  #: whether it is too large for the memory, and in `incoming_samples`
        self.first_day = date.max

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        if not self.staged:
            return
        if kind is None:
            _drop()
            return
        # A dead connection has taken its tables with it, and a broken transaction takes them back:
        # the error that matters is the one that led here.
        with suppress(Error):
            _drop()

    def add(self, row: Row) -> None:
        self.rows.append(row)
        if row.collected_on < self.first_day:
            self.first_day = row.collected_on

    def is_full(self) -> bool:
        return len(self.rows) >= BATCH

    def flush(self) -> None:
        """Moves what is in memory to the temporary table."""
        if not self.staged:
            execute(f"CREATE TEMPORARY TABLE incoming_samples ({', '.join(f'{n} {t}' for n, t in TYPES.items())})")
            self.staged = True
        _load(self.rows)
        self.rows.clear()

    def close(self) -> None:
        """After the last row: what the statements read is made."""
        if self.staged:
            self.flush()
            execute("""
                CREATE TEMPORARY TABLE incoming_days AS
                SELECT DISTINCT instance_id, collected_on FROM incoming_samples ORDER BY instance_id, collected_on
            """)
            # For the marks, which go by day: SQLite would compare every day with every mark.
            execute("CREATE INDEX incoming_days_by_day ON incoming_days (collected_on, instance_id)")
            if connection.vendor == "postgresql":
                execute("ANALYZE incoming_samples")
                execute("ANALYZE incoming_days")
        else:
            # In the order in which they came, which is that of the index as a rule.
            of_databases = dict.fromkeys((pk, name, day) for _index, pk, name, *_sizes, day, _at in self.rows)
            self._days = {(pk, day) for pk, _name, day in of_databases}
            names = ("instance_id", "database_name", "collected_on")
            self._database_days = _json({name: TYPES[name] for name in names}, of_databases)
            self._samples = _json(TYPES, self.rows)

    @property
    def is_told_of_duplicates(self) -> bool:
        """Whether the statement that stores the samples fails by them: SQLite's would store the last one."""
        return self.staged and connection.vendor == "postgresql"

    def duplicates(self) -> tuple[list[SampleError], int]:
        """Errors for the first samples that repeat an earlier one, and how many more of them there are."""
        if self.staged:
            key = "instance_id, database_name, collected_at"
            found = fetch(f"""
                SELECT position, first, COUNT(*) OVER () FROM (
                    SELECT position, MIN(position) OVER (PARTITION BY {key}) AS first FROM incoming_samples
                ) AS numbered
                WHERE position > first ORDER BY position LIMIT {MAX_LISTED}
            """)
            total = found[0][2] if found else 0
        else:
            first = dict[Any, int]()
            found = [
                (row.position, known)
                for row in self.rows
                if (known := first.setdefault(row[1:3] + row[-1:], row.position)) != row.position
            ]
            total, found = len(found), found[:MAX_LISTED]
        text = _("The same instance, database and time as item %(first)d.")
        errors = [
            SampleError(index, "collected_at", "duplicate", text % {"first": known}, known)
            for index, known, *_total in found
        ]
        return errors, total - len(errors)

    def give_ids(self, ids: Mapping[int, int]) -> None:
        """Puts the ids of instances in the place of the provisional ones (the keys)."""
        if not self.staged:
            self.rows = [row._replace(instance_id=ids.get(row.instance_id, row.instance_id)) for row in self.rows]
            self.close()
            return
        # A table, as it has an index: SQLite would go through the whole JSON for every sample.
        execute("CREATE TEMPORARY TABLE incoming_instances (provisional bigint PRIMARY KEY, id bigint)")
        source = _json({"provisional": "bigint", "id": "bigint"}, ids.items())
        execute(f"INSERT INTO incoming_instances SELECT v.provisional, v.id FROM {source.sql}", source.params)
        for table in ("incoming_samples", "incoming_days"):
            execute(
                f"UPDATE {table} SET instance_id = known.id FROM incoming_instances AS known "
                f"WHERE {table}.instance_id = known.provisional"
            )

    def add_days(self, days: Iterable[tuple[int, date]]) -> None:
        """Counts more instances and days among those that are derived anew."""
        if self.staged:
            source = _json({"instance_id": "bigint", "collected_on": "date"}, days)
            execute(f"INSERT INTO incoming_days SELECT v.instance_id, v.collected_on FROM {source.sql}", source.params)
        else:
            self._days |= set(days)

    @property
    def instance_ids(self) -> list[int]:
        if self.staged:
            return [pk for (pk,) in fetch("SELECT DISTINCT instance_id FROM incoming_days ORDER BY 1")]
        return sorted({row.instance_id for row in self.rows})

    @property
    def dates(self) -> list[date]:
        """The distinct days that are derived anew."""
        if self.staged:
            # SQLite has dates as text.
            return [
                date.fromisoformat(str(day)) for (day,) in fetch("SELECT DISTINCT collected_on FROM incoming_days")
            ]
        return sorted({day for _pk, day in self._days})

    @property
    def samples(self) -> Source:
        """The columns of TYPES, as v."""
        return Source("incoming_samples AS v") if self.staged else self._samples

    @property
    def days(self) -> Source:
        """The instances and days (instance_id, collected_on) that are derived anew, as v."""
        if self.staged:
            return Source("incoming_days AS v")
        return _json({"instance_id": "bigint", "collected_on": "date"}, sorted(self._days))

    @property
    def database_days(self) -> Source:
        """The (instance_id, database_name, collected_on) of the samples, each once, as v."""
        if self.staged:
            return Source("(SELECT DISTINCT instance_id, database_name, collected_on FROM incoming_samples) AS v")
        return self._database_days

    @property
    def databases(self) -> Source:
        """The (instance_id, database_name) of the samples, each once, with their first_day and last_day, as v."""
        return self._spans("instance_id, database_name")

    @property
    def instances(self) -> Source:
        """The instance_id of the samples, each once, with their first_day and last_day, as v."""
        return self._spans("instance_id")

    def _spans(self, key: str) -> Source:
        rows = Source("incoming_samples AS v") if self.staged else self._database_days
        span = "MIN(collected_on) AS first_day, MAX(collected_on) AS last_day"
        return Source(f"(SELECT {key}, {span} FROM {rows.sql} GROUP BY {key}) AS v", rows.params)


def _drop() -> None:
    for table in TABLES:
        execute(f"DROP TABLE IF EXISTS {table}")


def _json(columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> Source:
    # Cached, as the databases of a server share their moments.
    return Source(json_rows(columns), (json.dumps(list(rows), default=cache(_text)),))


def _text(value: date) -> str:
    """What JSON has no form for; datetimes are dates to Python, too."""
    return moment(value) if isinstance(value, datetime) else value.isoformat()


def _load(rows: Sequence[Row]) -> None:
    """Adds rows to `incoming_samples`."""
    if connection.vendor == "postgresql":
        _copy(rows)
        return
    source = _json(TYPES, rows)
    # One parameter, as outside a transaction each of many rows would be a transaction of its own. And
    # executemany(), as DEBUG keeps the parameters of execute() in memory.
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO incoming_samples SELECT v.* FROM {source.sql}", [source.params])


def _copy(rows: Sequence[Row]) -> None:
    moments: dict[datetime, str] = {}  # few, as a server's databases share theirs
    lines = []
    for position, instance_id, name, size, data, log, day, at in rows:
        # Names have no tabs and line ends: the backslash alone has a meaning to COPY.
        name = name.replace("\\", "\\\\") if "\\" in name else name
        when = moments.get(at) or moments.setdefault(at, f"{day}\t{at.isoformat()}")
        data_cell, log_cell = "\\N" if data is None else data, "\\N" if log is None else log
        lines.append(f"{position}\t{instance_id}\t{name}\t{size}\t{data_cell}\t{log_cell}\t{when}\n")
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert("COPY incoming_samples FROM STDIN", StringIO("".join(lines)))

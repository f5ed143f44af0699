"""The limit of an import: the fastest SQL we could write by hand for the same samples and day rows.

COPY into a temporary table (SQLite: Python's csv and executemany), then an INSERT ... SELECT for the samples and one
for each of both day rows; into empty tables with their indexes. Nothing is checked; no mark, no state is written.
"""

import csv
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from .filling import execute

SIZES = {"size_bytes": "sample", "data_size_bytes": "data", "log_size_bytes": "log"}
COLUMNS = ("instance", "database_name", "at", *SIZES)


def write_file(path: Path) -> None:
    """Stores the samples of a CSV file whose instances exist, with the day rows. One sample a day of each database."""
    is_postgresql = connection.vendor == "postgresql"
    day, moment = ("left(at, 10)::date", "at::timestamptz") if is_postgresql else ("substr(at, 1, 10)", "datetime(at)")
    with transaction.atomic():
        _stage(path, is_postgresql)
        execute(f"""
            CREATE TEMPORARY TABLE typed AS
            SELECT i.id AS instance_id, s.database_name, {", ".join(f"s.{size}" for size in SIZES)},
                {day} AS collected_on, {moment} AS collected_at
            FROM staged AS s JOIN instances AS i ON i.name = s.instance""")
        if is_postgresql:
            execute("SET LOCAL work_mem = '64MB'; SET LOCAL jit = off; ANALYZE typed")
        names = f"instance_id, database_name, {', '.join(SIZES)}, collected_on, collected_at"
        execute(f"""
            INSERT INTO database_size_stats ({names}) SELECT {names} FROM typed
            ORDER BY instance_id, database_name, collected_at""")
        execute(_database_days())
        execute("""
            INSERT INTO instance_size_stats (instance_id, collected_on, total_size_bytes, database_count,
                carried_databases, collected_at, updated_at)
            SELECT instance_id, collected_on, SUM(last_size_bytes), COUNT(*), 0, MAX(last_collected_at),
                CURRENT_TIMESTAMP
            FROM database_day_stats GROUP BY instance_id, collected_on""")
        execute("DROP TABLE typed")
        execute("DROP TABLE staged")


def _stage(path: Path, is_postgresql: bool) -> None:
    types = {name: "bigint" if name in SIZES else "text" for name in COLUMNS}
    execute(f"CREATE TEMPORARY TABLE staged ({', '.join(f'{name} {type}' for name, type in types.items())})")
    with path.open() as file, connection.cursor() as cursor:
        if is_postgresql:
            cursor.copy_expert("COPY staged FROM STDIN (FORMAT csv, HEADER)", file)
            return
        next(file)
        marks = ", ".join(["%s"] * len(COLUMNS))
        rows: Any = ([cell or None for cell in line] for line in csv.reader(file))
        cursor.executemany(f"INSERT INTO staged VALUES ({marks})", rows)


def _database_days() -> str:
    columns = {"instance_id": "instance_id", "database_name": "database_name", "collected_on": "collected_on"}
    as_bigint = "::bigint" if connection.vendor == "postgresql" else ""
    for size, of in SIZES.items():
        columns |= {
            f"{of}_count": f"COUNT({size})",
            f"sum_{size}": f"SUM({size}){as_bigint}",
            **{f"{edge}_{size}": f"{edge}({size})" for edge in ("min", "max")},
            f"last_{size}": f"MAX(CASE WHEN newest = 1 THEN {size} END)",
        }
    columns["last_collected_at"] = "MAX(collected_at)"
    return f"""
        INSERT INTO database_day_stats ({", ".join(columns)}) SELECT {", ".join(columns.values())} FROM (
            SELECT *, ROW_NUMBER() OVER (
                PARTITION BY instance_id, database_name, collected_on ORDER BY collected_at DESC) AS newest
            FROM typed
        ) AS ranked GROUP BY instance_id, database_name, collected_on"""

"""Deriving day rows: of databases from samples, of instances from the day rows of their databases.

The roll-up reads nothing else, so what is wrong here is wrong everywhere: `test_ingest_properties.py` compares
every column with plain Python.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection
from django.utils import timezone

from capacity.models.days import CARRY_DAYS, UNFIT

from .statements import Source, Statement, days_before, minutes_after, moment, upsert

NOW = {"postgresql": "CAST(%s AS timestamptz)", "sqlite": "%s"}


DATABASE_KEY = ("instance_id", "database_name", "collected_on")
INSTANCE_KEY = ("instance_id", "collected_on")
SIZES = {"size_bytes": "sample", "data_size_bytes": "data", "log_size_bytes": "log"}
HALF = 2**32
CLOCK_CHANGE = timedelta(hours=8)  #: more than any zone has put its clocks back since 1990 (Vostok: 7 hours)
MINUTE = timedelta(minutes=1)


def too_large(column: str) -> str:
    """Whether the sum of a column does not fit in 2^63-1. SQLite's SUM fails then: its halves are summed apart."""
    if connection.vendor == "postgresql":
        return f"SUM({column}) > {2**63 - 1}"
    return f"SUM({column} >> 32) + (SUM({column} & {HALF - 1}) >> 32) >= {2**31}"


def _sum(columns: Sequence[str], parts: bool) -> str:
    """Of the first of these, as bigint; UNFIT when one of them does not fit. Sums of `parts` may be UNFIT already."""
    unfit = [too_large(column) for column in columns] + [f"MIN({column}) < 0" for column in columns if parts]
    column = columns[0]
    total = f"SUM({column})"
    if connection.vendor == "sqlite":
        total = f"((SUM({column} >> 32) << 32) + SUM({column} & {HALF - 1}))"
    return f"CAST(CASE WHEN {' OR '.join(unfit)} THEN {UNFIT + 1} - 1 ELSE {total} END AS bigint)"


def database_columns(parts: bool = False) -> dict[str, str]:
    """The columns of a database's day row and what they are of the samples of that day; `parts`: of rows with the
    columns of a day row, which are parts of that day."""
    columns = {name: name for name in DATABASE_KEY}

    def of_part(what: str, column: str) -> str:
        return f"{what}_{column}" if parts else column

    for column, of in SIZES.items():
        # A sum of sizes is of no use without those of data and logs beside it.
        summed = SIZES if column == "size_bytes" else [column]
        columns |= {
            f"{of}_count": f"SUM({of}_count)" if parts else f"COUNT({column})",
            f"sum_{column}": _sum([of_part("sum", one) for one in summed], parts),
            f"min_{column}": f"MIN({of_part('min', column)})",
            f"max_{column}": f"MAX({of_part('max', column)})",
            f"last_{column}": f"MAX(CASE WHEN newest = 1 THEN {of_part('last', column)} END)",
        }
    return columns | {"last_collected_at": f"MAX({_at(parts)})"}


def _at(parts: bool) -> str:
    return "last_collected_at" if parts else "collected_at"


def database_day_rows(samples: Source, new: bool = False, parts: bool = False) -> Statement:
    """Derives the day rows of databases from all samples of those days: `samples`, as s.

    `new`: there are no rows of these databases and days yet. `parts`: they are not samples, but `parts_of_days`.
    """
    source = f"""
        FROM (
            SELECT s.*, ROW_NUMBER() OVER (
                PARTITION BY s.instance_id, s.database_name, s.collected_on ORDER BY s.{_at(parts)} DESC
            ) AS newest
            FROM {samples.sql}
        ) AS ranked
        GROUP BY {", ".join(DATABASE_KEY)}
    """
    return upsert("database_day_stats", database_columns(parts), DATABASE_KEY, source, samples.params, new)


def parts_of_days(samples: Source, database_days: Source) -> Source:
    """These `samples`, which are all new, and the day rows that their `database_days` have without them, as s.

    What they add up to is what all samples of the days say, and none of those that were there is read again: of a
    database that is measured every five minutes, they would be 144 on average each time.
    """
    columns = {name: f"v.{name}" for name in DATABASE_KEY} | {"last_collected_at": "v.collected_at"}
    for column, of in SIZES.items():
        columns[f"{of}_count"] = f"CASE WHEN v.{column} IS NULL THEN 0 ELSE 1 END"
        columns |= {f"{what}_{column}": f"v.{column}" for what in ("sum", "min", "max", "last")}
    stored = ", ".join(f"d.{name}" for name in columns)
    key = " AND ".join(f"d.{name} = v.{name}" for name in DATABASE_KEY)
    sql = f"""(
        SELECT {", ".join(f"{value} AS {name}" for name, value in columns.items())} FROM {samples.sql}
        UNION ALL
        SELECT {stored} FROM {database_days.sql} CROSS JOIN database_day_stats AS d WHERE {key}
    ) AS s"""
    return Source(sql, samples.params + database_days.params)


def samples_of(days: Source, more: str = "") -> Source:
    """The stored samples of these instances and days, as s, for which `more` holds."""
    # CROSS JOIN makes SQLite read the few days first; it would go through all samples ever stored.
    sql = f"""{days.sql} CROSS JOIN database_size_stats AS s
        WHERE s.instance_id = v.instance_id AND s.collected_on = v.collected_on {more}"""
    return Source(sql, days.params)


def samples_of_databases(database_days: Source, dates: Collection[date]) -> Source:
    """The stored samples of these days of databases, as s; `dates` are the distinct days, one at least.

    By their moments, for which there is an index: PostgreSQL does not know how few they are, and by days alone it
    would read all samples ever stored.
    """
    first, last = _around(dates)
    begin, end = minutes_after("v.collected_on", first), minutes_after("v.collected_on", last)
    more = f"AND s.database_name = v.database_name AND s.collected_at >= {begin} AND s.collected_at < {end}"
    return samples_of(database_days, more)


def _around(dates: Collection[date]) -> tuple[int, int]:
    """Minutes after their midnights in UTC between which these days of the product's zone lie.

    Wider than the days, as clocks are changed on some: where they went back soon after midnight, a day's last hours
    came again.
    """
    zone = timezone.get_default_timezone()
    ahead = [datetime.combine(day, time.min, UTC) - datetime.combine(day, time.min, zone) for day in dates]
    first, last = -max(ahead) - CLOCK_CHANGE, timedelta(days=1) - min(ahead) + CLOCK_CHANGE
    return first // MINUTE, last // MINUTE


def instance_day_rows(days: Source, now: datetime) -> Statement:
    """Derives the day rows of these instances and days from those of their databases.

    A database of `carried_databases` without a day row of its own counts with its last one of the last CARRY_DAYS.
    """
    columns = {
        **{name: name for name in INSTANCE_KEY},
        "total_size_bytes": "CAST(SUM(size) AS bigint)",
        "database_count": "COUNT(*)",
        "carried_databases": "SUM(carried)",
        "collected_at": "MAX(at)",
        "updated_at": NOW[connection.vendor],
    }
    of_database = "b.instance_id = c.instance_id AND b.database_name = c.database_name"
    source = f"""
        FROM (
            SELECT d.instance_id, d.collected_on, d.last_size_bytes AS size, 0 AS carried,
                d.last_collected_at AS at
            FROM {days.sql} CROSS JOIN database_day_stats AS d
            WHERE d.instance_id = v.instance_id AND d.collected_on = v.collected_on
            UNION ALL
            SELECT c.instance_id, c.collected_on, (
                SELECT b.last_size_bytes FROM database_day_stats AS b
                WHERE {of_database} AND b.collected_on < c.collected_on
                    AND b.collected_on >= {days_before("c.collected_on", CARRY_DAYS)}
                ORDER BY b.collected_on DESC LIMIT 1
            ), 1, NULL
            FROM {days.sql} CROSS JOIN carried_databases AS c
            WHERE c.instance_id = v.instance_id AND c.collected_on = v.collected_on AND NOT EXISTS (
                SELECT 1 FROM database_day_stats AS b WHERE {of_database} AND b.collected_on = c.collected_on
            )
        ) AS counted
        WHERE size IS NOT NULL
        GROUP BY {", ".join(INSTANCE_KEY)}
        HAVING MAX(at) IS NOT NULL
    """
    return upsert("instance_size_stats", columns, INSTANCE_KEY, source, [moment(now), *days.params, *days.params])

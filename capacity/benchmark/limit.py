"""The limit: the fastest SQL we could write by hand for the same period rows.

A statement per level and period for the whole fleet, and nothing else: no chunks, no sessions, no isolation of
instances. Numbers of the made-up fleet only: its percents fit in 64-bit arithmetic (changes below 460 TB).

Tried and slower: one pass with conditional sums instead of the join, COUNT(DISTINCT) for the covered days on
PostgreSQL, the server's small work_mem (it sorts on disk), a full scan for the short windows; on SQLite the percent
as a Python function. No difference: the order of the rows, larger caches of SQLite.
"""

from typing import NamedTuple

from django.db import connection

from capacity.periods import Period

from .fleet import execute

LONG_DAYS = 40  #: above it PostgreSQL scans the table with parallel workers, which an INSERT cannot have


class Measure(NamedTuple):
    source: str
    name: str  #: behind avg_, min_, max_
    change: str  #: the column of the change
    percent: str
    nullable: bool = False
    scale: int = 1  #: the average is kept in 1/scale


DATABASE_MEASURES = (
    Measure("size_bytes", "size_bytes", "size_change_bytes", "size_change_percent"),
    Measure("data_size_bytes", "data_size_bytes", "data_size_change_bytes", "data_size_change_percent", nullable=True),
    Measure("log_size_bytes", "log_size_bytes", "log_size_change_bytes", "log_size_change_percent", nullable=True),
)
INSTANCE_MEASURES = (
    Measure("total_size_bytes", "total_size_bytes", "total_size_change_bytes", "total_size_change_percent"),
    Measure("database_count", "database_count", "database_count_change", "database_count_change_percent", scale=100),
)
TREND = """CASE WHEN {percent} > 5 THEN 'growing' WHEN {percent} < -5 THEN 'shrinking'
    WHEN {percent} IS NULL THEN 'unknown' ELSE 'stable' END"""


def write_period(period: Period) -> None:
    """Writes the period rows of both levels for every instance of the (scratch) database."""
    if connection.vendor == "postgresql":
        execute("SET work_mem = '64MB'; SET jit = off")
    try:
        _write("database", period, "instance_id, database_name", DATABASE_MEASURES)
        _write("instance", period, "instance_id", INSTANCE_MEASURES)
    finally:
        if connection.vendor == "postgresql":
            execute("RESET work_mem; RESET jit")


def _write(level: str, period: Period, keys: str, measures: tuple[Measure, ...]) -> None:
    samples, rows = f"{level}_size_stats", f"{level}_size_aggregations"
    source = f"""
        SELECT * FROM ({_window(samples, keys, period, measures, "now", whole=True)}) AS cur
        LEFT JOIN ({_window(samples, keys, period.previous(), measures, "before", whole=False)}) AS prev
        USING ({keys})"""
    in_parallel = connection.vendor == "postgresql" and period.days > LONG_DAYS
    if in_parallel:
        execute(f"CREATE TEMPORARY TABLE source AS {source}")
        source = "SELECT * FROM source"
    values = {
        "period_type": f"'{period.type}'",
        "period_start": _date(period.start),
        "period_end": _date(period.end),
        "calculated_at": "CURRENT_TIMESTAMP",
        "created_at": "CURRENT_TIMESTAMP",
        **{name: name for name in (*keys.split(", "), "sample_count", "covered_days")},
    }
    for one in measures:
        scaled = "" if one.scale == 1 else f" / {one.scale}.0"
        change = f"(now_{one.name} - before_{one.name})"
        values[f"avg_{one.name}"] = f"now_{one.name}{scaled}"
        values[f"min_{one.name}"] = f"min_{one.name}"
        values[f"max_{one.name}"] = f"max_{one.name}"
        values[one.change] = f"{change}{scaled}"
        values[one.percent] = _percent(change, f"before_{one.name}")
    if level == "instance":
        values["trend_direction"] = TREND.format(percent=values["total_size_change_percent"])
    conflict = ("period_type", "period_start", *keys.split(", "))
    replaced = [f"{name} = excluded.{name}" for name in values if name not in (*conflict, "created_at")]
    execute(f"""
        INSERT INTO {rows} ({", ".join(values)})
        SELECT {", ".join(values.values())} FROM ({source}) AS source WHERE true
        ON CONFLICT ({", ".join(conflict)}) DO UPDATE SET {", ".join(replaced)}""")
    if in_parallel:
        execute("DROP TABLE source")


def _window(samples: str, keys: str, period: Period, measures: tuple[Measure, ...], alias: str, whole: bool) -> str:
    """The rounded averages of a window, as `alias`_name; with `whole`, all else that a row needs."""
    as_bigint = "::bigint" if connection.vendor == "postgresql" else ""
    sums, means, whole_columns = ["COUNT(*) AS sample_count"], [], []
    for one in measures:
        count = f"count_{one.name}" if one.nullable else "sample_count"
        sums.append(f"SUM({one.source}){as_bigint} * {one.scale} AS sum_{one.name}")
        if one.nullable:
            sums.append(f"COUNT({one.source}) AS {count}")
        means.append(f"{_mean(f'sum_{one.name}', count)} AS {alias}_{one.name}")
        whole_columns += [f"MIN({one.source}) AS min_{one.name}", f"MAX({one.source}) AS max_{one.name}"]
    if whole:
        sums += [*whole_columns, f"{_covered_days(period)} AS covered_days"]
        means += ["sample_count", "covered_days", *(column.split(" AS ")[1] for column in whole_columns)]
    # Names every instance, so that short windows are read through the index (instance, day).
    is_postgresql = connection.vendor == "postgresql"
    every = "= ANY(ARRAY(SELECT id FROM instances))" if is_postgresql else "IN (SELECT id FROM instances)"
    instances = f"instance_id {every} AND" if period.days <= LONG_DAYS or not is_postgresql else ""
    return f"""
        SELECT {keys}, {", ".join(means)} FROM (
            SELECT {keys}, {", ".join(sums)} FROM {samples}
            WHERE {instances} collected_on BETWEEN {_date(period.start)} AND {_date(period.end)}
            GROUP BY {keys}
        ) AS grouped"""


def _date(day: object) -> str:
    return f"DATE '{day}'" if connection.vendor == "postgresql" else f"'{day}'"


def _mean(total: str, count: str) -> str:
    return f"({total} - {total} % {count}) / {count} + CASE WHEN 2 * ({total} % {count}) >= {count} THEN 1 ELSE 0 END"


def _percent(change: str, previous: str) -> str:
    """Rounded half away from zero to 2 decimals, in whole numbers."""
    hundredths = f"(20000 * ABS({change}) + {previous}) / (2 * {previous})"
    return f"CASE WHEN {previous} > 0 THEN CASE WHEN {change} < 0 THEN -1 ELSE 1 END * ({hundredths}) / 100.0 END"


def _covered_days(period: Period) -> str:
    if period.days == 1:
        return "1"
    if connection.vendor == "sqlite":
        return "COUNT(DISTINCT collected_on)"
    day = f"(collected_on - {_date(period.start)})"
    if period.days <= 64:
        return f"bit_count(bit_or(1::bigint << {day})::bit(64))"
    halves = [
        f"COALESCE(bit_count((bit_or(1::bigint << ({day} - {first})) FILTER (WHERE {day} {test} 64))::bit(64)), 0)"
        for first, test in ((0, "<"), (64, ">="))
    ]
    return " + ".join(halves)

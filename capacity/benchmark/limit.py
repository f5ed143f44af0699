"""The limit: the fastest SQL we could write by hand for the same period rows.

A statement per level and period for the whole fleet, and nothing else: no chunks, no sessions, no isolation of
instances. Numbers of the made-up fleet only: its percents fit in 64-bit arithmetic (changes below 460 TB).

Tried and slower: one pass with conditional sums instead of the join, the server's small work_mem (it sorts on disk),
a full scan for the short windows; on SQLite the percent as a Python function. No difference: the order of the rows,
larger caches of SQLite.
"""

from typing import NamedTuple

from django.db import connection

from capacity.periods import Period

from .filling import execute

LONG_DAYS = 40  #: above it PostgreSQL scans the table with parallel workers, which an INSERT cannot have


class Measure(NamedTuple):
    name: str  #: behind avg_, min_, max_
    change: str  #: the column of the change
    percent: str
    edges: str = ""  #: what the columns of the day rows have before the name: {edge}_
    values: str = ""  #: the column of how many values a day row has; blank: one
    scale: int = 1  #: the average is kept in 1/scale

    def column(self, edge: str) -> str:
        return self.edges.format(edge=edge) + self.name


DATABASE_MEASURES = (
    Measure("size_bytes", "size_change_bytes", "size_change_percent", "{edge}_", "sample_count"),
    Measure("data_size_bytes", "data_size_change_bytes", "data_size_change_percent", "{edge}_", "data_count"),
    Measure("log_size_bytes", "log_size_change_bytes", "log_size_change_percent", "{edge}_", "log_count"),
)
INSTANCE_MEASURES = (
    Measure("total_size_bytes", "total_size_change_bytes", "total_size_change_percent"),
    Measure("database_count", "database_count_change", "database_count_change_percent", scale=100),
)
DAY_ROWS = {"database": "database_day_stats", "instance": "instance_size_stats"}
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
    days, rows = DAY_ROWS[level], f"{level}_size_aggregations"
    source = f"""
        SELECT * FROM ({_window(days, keys, period, measures, "now", whole=True)}) AS cur
        LEFT JOIN ({_window(days, keys, period.previous(), measures, "before", whole=False)}) AS prev
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


def _window(days: str, keys: str, period: Period, measures: tuple[Measure, ...], alias: str, whole: bool) -> str:
    """The rounded averages of a window, as `alias`_name; with `whole`, all else that a row needs."""
    as_bigint = "::bigint" if connection.vendor == "postgresql" else ""
    sums, means = [], []
    for one in measures:
        sums.append(f"SUM({one.column('sum')}){as_bigint} * {one.scale} AS total_{one.name}")
        sums.append(f"{f'SUM({one.values})' if one.values else 'COUNT(*)'} AS count_{one.name}")
        means.append(f"{_mean(f'total_{one.name}', f'count_{one.name}')} AS {alias}_{one.name}")
        if whole:
            for edge in ("min", "max"):
                sums.append(f"{edge}({one.column(edge)}) AS {edge}most_{one.name}")
                means.append(f"{edge}most_{one.name} AS {edge}_{one.name}")
    if whole:
        sums.append("COUNT(*) AS days")
        means += [f"count_{measures[0].name} AS sample_count", "days AS covered_days"]
    # Names every instance, so that short windows are read through the index (instance, day).
    is_postgresql = connection.vendor == "postgresql"
    every = "= ANY(ARRAY(SELECT id FROM instances))" if is_postgresql else "IN (SELECT id FROM instances)"
    instances = f"instance_id {every} AND" if period.days <= LONG_DAYS or not is_postgresql else ""
    return f"""
        SELECT {keys}, {", ".join(means)} FROM (
            SELECT {keys}, {", ".join(sums)} FROM {days}
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

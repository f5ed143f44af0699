"""The set-based statement that writes period rows: one per level, period and chunk of instances.

INSERT ... SELECT ... ON CONFLICT DO UPDATE. Its source is a LEFT JOIN of two grouped subqueries, this
window's and the previous window's, each compiled from a queryset; the arithmetic around them is SQL that
both databases read alike. `%` is written `%%`, as the statement has parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection, models
from django.db.models import Aggregate, BigIntegerField, Count, Max, Min, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import Abs, Cast
from django.utils import timezone

from capacity.dialect import percent_sql
from capacity.models import (
    TREND_PERCENT,
    DatabaseDayStat,
    DatabaseSizeAggregation,
    InstanceSizeAggregation,
    InstanceSizeStat,
    TrendDirection,
)
from capacity.periods import Period


@dataclass(frozen=True)
class Measure:
    """A figure of the day rows and what is made of it: avg_, min_, max_`target`, its change and percent."""

    target: str
    change: str
    percent: str
    total: Combinable  #: of what was measured in the window, and
    count: Aggregate  #: how many measurements that were
    least: Min
    most: Max
    scale: int = 1  #: 100: the average keeps two decimals

    def kept(self, expression: str) -> str:
        """An average or a change as the column holds it. It is a whole number of 1/scale until then."""
        return expression if self.scale == 1 else f"{expression} / {self.scale}.0"


def of_samples(target: str, change: str, count: str, *, guard: bool = False) -> Measure:
    """Over the samples: each day row has their sum, and in `count` how many there were.

    `guard`: the day rows whose sums do not fit have UNFIT in this one; both databases refuse its absolute value.
    """
    total: Any = Sum(f"sum_{target}")
    if guard:
        total += 0 * Abs(Min(f"sum_{target}"))
    figures = total, Sum(count), Min(f"min_{target}"), Max(f"max_{target}")
    return Measure(target, f"{change}_bytes", f"{change}_percent", *figures)


def of_days(target: str, change: str, percent: str, scale: int = 1) -> Measure:
    """Over the days: each day row has one value."""
    return Measure(target, change, percent, Sum(target), Count("*"), Min(target), Max(target), scale)


@dataclass(frozen=True, eq=False)  # known by itself: to compare expressions is slow
class Level:
    """What is rolled up: of `days`, per `keys` and period, one of `rows` with the figures of `measures`."""

    days: type[models.Model]
    rows: type[models.Model]
    keys: tuple[str, ...]
    sample_count: Aggregate
    measures: tuple[Measure, ...]
    trend_of: str = ""  #: the percent column that trend_direction is read from


DATABASE_LEVEL = Level(
    DatabaseDayStat,
    DatabaseSizeAggregation,
    ("instance_id", "database_name"),
    Sum("sample_count"),
    (
        of_samples("size_bytes", "size_change", "sample_count", guard=True),
        of_samples("data_size_bytes", "data_size_change", "data_count"),
        of_samples("log_size_bytes", "log_size_change", "log_count"),
    ),
)
INSTANCE_LEVEL = Level(
    InstanceSizeStat,
    InstanceSizeAggregation,
    ("instance_id",),
    Count("*"),
    (
        of_days("total_size_bytes", "total_size_change_bytes", "total_size_change_percent"),
        of_days("database_count", "database_count_change", "database_count_change_percent", scale=100),
    ),
    trend_of="total_size_change_percent",
)


#: The columns that are the same in all rows of a statement.
FIXED = ("period_type", "period_start", "period_end", "calculated_at", "created_at")


class Written(NamedTuple):
    """What one statement wrote for one instance."""

    processed: int
    created: int
    samples: int


def roll_up(level: Level, period: Period, instance_ids: Sequence[int]) -> dict[int, Written]:
    """Writes the period rows of these instances, in key order; gives what was written per instance.

    One statement; instances without day rows in the window are absent. Rows that exist get new numbers and
    keep id and created_at. Raises what the database raises, an overflow of 2^63-1 among it.
    """
    sql, params = upsert_sql(level, period, instance_ids)
    written: dict[int, Written] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        for instance_id, processed, created, samples in cursor.fetchall():
            before = written.get(instance_id, Written(0, 0, 0))
            written[instance_id] = Written(
                before.processed + processed, before.created + created, before.samples + samples
            )
    return written


def upsert_sql(level: Level, period: Period, instance_ids: Sequence[int]) -> tuple[str, list[Any]]:
    """The statement of `roll_up` and its parameters, in the connection's dialect. Asks the clock, not the database.

    It gives rows of (instance id, period rows written, how many of them are new, samples they were made from).
    """
    ops = connection.ops
    sql, current, previous = _compiled(connection.vendor, level, len(instance_ids))

    def window(of: Period) -> list[Any]:
        return [ops.adapt_datefield_value(of.start), ops.adapt_datefield_value(of.end), *instance_ids]

    now = ops.adapt_datetimefield_value(timezone.now())
    fixed = [period.type, *window(period)[:2], now, now]
    return sql, [*fixed, *current, *window(period), *previous, *window(period.previous())]


@lru_cache(maxsize=100)
def _compiled(vendor: str, level: Level, instances: int) -> tuple[str, list[Any], list[Any]]:
    """The statement for so many instances, and the parameters that begin those of its two windows.

    Kept, as a run asks for it with each chunk and compiling is 10 ms. After the FIXED ones, each window has these, its
    first and its last day, and the ids of the instances.
    """
    current, current_params = _window_sql(level, instances, whole=True)
    previous, previous_params = _window_sql(level, instances, whole=False)
    columns = {key: f"changes.{key}" for key in (*level.keys, "sample_count", "covered_days")}
    changes = []
    for measure in level.measures:
        columns[f"avg_{measure.target}"] = measure.kept(f"changes.avg_{measure.target}")
        columns[f"min_{measure.target}"] = f"changes.min_{measure.target}"
        columns[f"max_{measure.target}"] = f"changes.max_{measure.target}"
        columns[measure.change] = measure.kept(f"changes.{measure.change}")
        columns[measure.percent] = f"changes.{measure.percent}"
        now_avg, then_avg = f"cur.avg_{measure.target}", f"prev.avg_{measure.target}"
        changes.append(f"{now_avg} - {then_avg} AS {measure.change}")
        changes.append(f"{percent_sql(f'({now_avg} - {then_avg})', then_avg)} AS {measure.percent}")
    if level.trend_of:
        columns["trend_direction"] = _trend_sql(f"changes.{level.trend_of}")
    rows = level.rows._meta.db_table
    key = ("period_type", "period_start", *level.keys)
    replaced = [name for name in (*FIXED, *columns) if name not in key and name != "created_at"]
    join = " AND ".join(f"prev.{name} = cur.{name}" for name in level.keys)
    sql = f"""
        INSERT INTO {rows} ({", ".join((*FIXED, *columns))})
        SELECT {", ".join(["%s"] * len(FIXED))}, {", ".join(columns.values())}
        FROM (
            SELECT cur.*, {", ".join(changes)}
            FROM ({current}) cur LEFT JOIN ({previous}) prev ON {join}
        ) changes
        WHERE true ORDER BY {", ".join(f"changes.{name}" for name in level.keys)}
        ON CONFLICT ({", ".join(key)}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in replaced)}
        RETURNING instance_id, 1 AS processed, created_at = calculated_at AS created, sample_count AS samples
    """
    if vendor == "postgresql":
        # Counted there: 6,000 rows a chunk need not travel. SQLite has no INSERT in a WITH.
        sql = f"""
            WITH written AS ({sql})
            SELECT instance_id, count(*), count(*) FILTER (WHERE created), sum(samples)::bigint
            FROM written GROUP BY instance_id
        """
    return sql, current_params, previous_params


def _window_sql(level: Level, instances: int, whole: bool) -> tuple[str, list[Any]]:
    """The averages of a window per key; with `whole`, everything else that a row needs as well.

    Of so many instances, and the parameters that come before the days and their ids.
    """
    # Named after the window within the subquery, as day rows have columns of the names that period rows have.
    summed: dict[str, Any] = {}
    others: dict[str, Any] = {"sample_count": level.sample_count, "covered_days": Count("*")}
    means = []
    for measure in level.measures:
        total, count = f"window_sum_{measure.target}", f"window_count_{measure.target}"
        # The cast: PostgreSQL's SUM of bigint is numeric, which never overflows and is slow to divide.
        summed |= {total: Cast(measure.total, BigIntegerField()), count: measure.count}
        others |= {f"min_{measure.target}": measure.least, f"max_{measure.target}": measure.most}
        means.append(f"{_mean_sql(total, count, measure.scale)} AS avg_{measure.target}")
    if whole:
        summed |= {f"window_{name}": figure for name, figure in others.items()}
        means += [f"window_{name} AS {name}" for name in others]
    ids, days = list(range(instances)), (date.min, date.max)
    grouped = (
        level.days._default_manager.filter(collected_on__range=days)
        .filter(instance_id__in=ids)
        .order_by()
        .values(*level.keys)
        .annotate(**summed)
    )
    sql, params = grouped.query.sql_with_params()
    before = len(params) - len(days) - instances
    assert list(params[before + len(days) :]) == ids, "the filters come last, in their order"
    return f"SELECT {', '.join([*level.keys, *means])} FROM ({sql}) grouped", list(params[:before])


def _mean_sql(total: str, count: str, scale: int) -> str:
    """total / count, rounded half up to a whole number of 1/scale; exact, as it stays in whole numbers.

    Nothing here is negative, so half up is half away from zero. ROUND(total * 1.0 / count) is wrong from
    2^53 on SQLite and from 7e16 on PostgreSQL.
    """
    if scale != 1:
        total = f"({scale} * {total})"
    rest = f"{total} %% {count}"
    return f"({total} - {rest}) / {count} + CASE WHEN 2 * ({rest}) >= {count} THEN 1 ELSE 0 END"


def _trend_sql(percent: str) -> str:
    return (
        f"CASE WHEN {percent} IS NULL THEN '{TrendDirection.UNKNOWN}'"
        f" WHEN {percent} > {TREND_PERCENT} THEN '{TrendDirection.GROWING}'"
        f" WHEN {percent} < -{TREND_PERCENT} THEN '{TrendDirection.SHRINKING}'"
        f" ELSE '{TrendDirection.STABLE}' END"
    )

"""Deriving how databases and instances are now from their day rows: `DatabaseState`, `InstanceState`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from django.db import connection, transaction
from django.db.models import QuerySet

from capacity.dialect import percent_sql
from capacity.models import Instance
from capacity.models.present import SLACK, SPANS

from .statements import Source, Statement, days_before, execute, upsert, write

CHUNK = 200  # instances


@dataclass(frozen=True)
class StateLevel:
    states: str  #: the table of states
    days: str  #: the table of day rows
    keys: tuple[str, ...]
    last: Mapping[str, str]  #: columns of the state and of the last day row that they are taken from


DATABASE = StateLevel(
    "database_states",
    "database_day_stats",
    ("instance_id", "database_name"),
    {"last_sample_at": "last_collected_at", "last_size_bytes": "last_size_bytes"},
)
INSTANCE = StateLevel(
    "instance_states",
    "instance_size_stats",
    ("instance_id",),
    {
        "last_sample_at": "collected_at",
        "last_size_bytes": "total_size_bytes",
        "last_database_count": "database_count",
    },
)
LEVELS = (DATABASE, INSTANCE)


def state_rows(level: StateLevel, touched: Source, afresh: bool = False) -> Statement:
    """Derives the states of these: rows with the level's keys, each once, and with the `first_day` and `last_day`
    between which day rows may have changed since. `afresh`: any may have changed, or be gone.

    A state is up to five look-ups in the unique index of the day rows. One that was touched on its last day alone is a
    single one: what it compares with is as it was.
    """
    size = level.last["last_size_bytes"]

    def of(row: str, other: str) -> str:
        return " AND ".join(f"{row}.{key} = {other}.{key}" for key in level.keys)

    def reached(day: str, is_further: str, furthest: str) -> str:
        further = f"CASE WHEN v.{day} {is_further} s.{day} THEN v.{day} ELSE s.{day} END"
        return f"COALESCE({further}, (SELECT {furthest}(r.collected_on) FROM {level.days} AS r WHERE {of('r', 'v')}))"

    def ago(name: str, days: int) -> str:
        first, last = days_before("n.last_day", days + SLACK.days), days_before("n.last_day", days)
        return f"""CASE WHEN n.is_compared THEN n.known_{name} ELSE (
            SELECT a.{size} FROM {level.days} AS a
            WHERE {of("a", "n")} AND a.collected_on BETWEEN {first} AND {last}
            ORDER BY a.collected_on DESC LIMIT 1) END"""

    columns = {name: name for name in (*level.keys, "first_day", "last_day", *level.last)}
    for span in SPANS:
        change = f"(last_size_bytes - {span}_ago)"
        columns[f"{span}_change_bytes"] = change
        columns[f"{span}_change_percent"] = percent_sql(change, f"{span}_ago")
    newest = min(SPANS.values()).days
    # MATERIALIZED: each look-up once, not once for each place that it is named in.
    source = f"""
        FROM (
            WITH span AS MATERIALIZED (
                SELECT {", ".join(f"v.{key}" for key in level.keys)},
                    {reached("first_day", "<", "MIN")} AS first_day,
                    {reached("last_day", ">", "MAX")} AS last_day,
                    v.last_day <= s.last_day AND v.first_day > {days_before("s.last_day", newest)} AS is_compared,
                    {", ".join(f"s.last_size_bytes - s.{name}_change_bytes AS known_{name}" for name in SPANS)}
                FROM {touched.sql} LEFT JOIN {level.states} AS s ON {of("s", "v")}{" AND false" if afresh else ""}
            ), compared AS MATERIALIZED (
                SELECT n.*, {", ".join(f"d.{column} AS {name}" for name, column in level.last.items())},
                    {", ".join(f"{ago(name, span.days)} AS {name}_ago" for name, span in SPANS.items())}
                FROM span AS n CROSS JOIN {level.days} AS d
                WHERE {of("d", "n")} AND d.collected_on = n.last_day
            ) SELECT * FROM compared
        ) AS compared
    """
    return upsert(level.states, columns, level.keys, source, touched.params)


def rebuild_all(on_chunk: Callable[[int], object] = lambda count: None) -> dict[str, int]:
    """Derives every state anew; gives how many of each table. States without any day row are deleted.

    A commit per CHUNK of instances, told to `on_chunk` with how many they were.
    """
    written = {level.states: 0 for level in LEVELS}

    def derive(ids: str) -> None:
        for level in LEVELS:
            execute(f"DELETE FROM {level.states} WHERE instance_id IN ({ids})")
            keys, span = ", ".join(level.keys), "MIN(collected_on) AS first_day, MAX(collected_on) AS last_day"
            found = f"SELECT {keys}, {span} FROM {level.days} WHERE instance_id IN ({ids}) GROUP BY {keys}"
            written[level.states] += write(state_rows(level, Source(f"({found}) AS v")))

    _in_chunks(Instance.objects.all(), derive, on_chunk)
    return written


def forget_before(day: date) -> None:
    """Derives the states anew that begin before `day`, when the day rows before it are gone. A commit per chunk."""
    before = connection.ops.adapt_datefield_value(day)

    def derive(ids: str) -> None:
        for level in LEVELS:
            of_these = f"{level.states} WHERE instance_id IN ({ids})"
            execute(f"DELETE FROM {of_these} AND last_day < %s", [before])
            found = f"SELECT {', '.join(level.keys)}, first_day, last_day FROM {of_these} AND first_day < %s"
            write(state_rows(level, Source(f"({found}) AS v", (before,)), afresh=True))

    _in_chunks(Instance.objects.filter(state__first_day__lt=day), derive)


def _in_chunks(
    instances: QuerySet[Instance],
    derive: Callable[[str], object],
    on_chunk: Callable[[int], object] = lambda count: None,
) -> None:
    """Calls `derive` with the ids of these, CHUNK at a time, each in a transaction of its own."""
    ids = list(instances.order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(ids), CHUNK):
        chunk = ids[first : first + CHUNK]
        with transaction.atomic():
            # No ingest derives the states of these meanwhile.
            list(Instance.objects.select_for_update(no_key=True).filter(pk__in=chunk).order_by("pk").values_list("pk"))
            derive(", ".join(map(str, chunk)))
        on_chunk(len(chunk))

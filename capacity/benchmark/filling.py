"""Puts a made-up fleet, and what runs leave, into the (scratch) database, and takes it out again."""

from collections.abc import Iterable
from datetime import UTC

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from capacity.collection.states import rebuild_all
from capacity.models import Instance
from capacity.models.days import UNFIT
from capacity.periods import Period

from .fleet import Fleet, database_days, instance_days, samples

ENGINES = ("postgresql", "mysql", "oracle", "sqlserver")
PERIOD_TABLES = ("database_size_aggregations", "instance_size_aggregations")
RUN_TABLES = ("sync_instance_records", "sync_sessions", "stale_periods", *PERIOD_TABLES)
FLEET_TABLES = (
    "database_size_stats",
    "database_day_stats",
    "instance_size_stats",
    "carried_databases",
    "database_states",
    "instance_states",
    "capacity_state",
    "instances",
)


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def number(sql: str) -> int:
    """The first column of the first row."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def empty(tables: Iterable[str]) -> None:
    """Deletes every row; on SQLite the write-ahead log is written back too, so that nobody else pays for it."""
    if connection.vendor == "postgresql":
        # And whatever refers to them: the database is for measuring alone.
        execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        return
    for table in tables:
        execute(f"DELETE FROM {table}")
    execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fill(fleet: Fleet) -> None:
    """Replaces what is in the (scratch) database by this fleet: instances, samples, day rows, states."""
    empty((*RUN_TABLES, *FLEET_TABLES))
    with transaction.atomic():
        Instance.objects.bulk_create(
            Instance(pk=number, name=f"bench-{number}", db_type=ENGINES[number % len(ENGINES)])
            for number in range(1, fleet.instances + 1)
        )
        execute(f"INSERT INTO capacity_state (id, time_zone) VALUES (1, '{settings.WHALEFALL_TIME_ZONE}')")
    for day, moment, is_last in fleet.moments():
        # A statement per moment: rows lie in the order in which a real fleet's would have come in.
        at = f"'{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}{'+00' if connection.vendor == 'postgresql' else ''}'"
        on = f"'{timezone.localdate(moment)}'"
        with transaction.atomic():
            execute(samples(fleet, day, on, at))
            if is_last:
                execute(database_days(fleet, day, on, at))
                execute(instance_days(fleet, day, on, at))
    rebuild_all()
    execute("VACUUM (ANALYZE)" if connection.vendor == "postgresql" else "ANALYZE")


def mark_stale(periods: list[Period]) -> None:
    """The marks that ingest leaves and a run deletes: without them it would do less than a real one."""
    for period in periods:
        execute(f"""
            INSERT INTO stale_periods (instance_id, period_type, period_start)
            SELECT id, '{period.type}', '{period.start}' FROM instances ORDER BY id""")


def poison(fleet: Fleet) -> None:
    """One database has a sum that does not fit, on every day: no period can be made from them."""
    execute(f"""
        UPDATE database_day_stats SET sum_size_bytes = {UNFIT + 1} - 1
        WHERE instance_id = {fleet.poisoned} AND database_name = 'database_1'""")


def cure() -> None:
    """Takes back what `poison` did."""
    execute("UPDATE database_day_stats SET sum_size_bytes = sample_count * last_size_bytes WHERE sum_size_bytes < 0")

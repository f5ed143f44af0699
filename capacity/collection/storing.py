"""The statements that store a checked batch. They run in one transaction, every one of them in key order."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from capacity import periods
from capacity.dialect import FOR_MANY_ROWS
from capacity.errors import TimeZoneChanged
from capacity.models import CapacityState, CarriedDatabase, Instance
from capacity.models.days import CARRY_DAYS
from capacity.runs.faults import error_code, sqlstate
from sync_sessions.common.history import log_added
from sync_sessions.records_sql import json_rows

from . import states
from .days import (
    INSTANCE_KEY,
    database_day_rows,
    instance_day_rows,
    parts_of_days,
    samples_of,
    samples_of_databases,
    too_large,
)
from .samples import MAX_LISTED, ErrorList, SampleError, SamplesRejected
from .staging import COLUMNS, Batch
from .statements import Source, Statement, days_before, execute, fetch, write
from .validation import MAX_BYTES, unknown_instance

#: Of the errors with which PostgreSQL refuses a row that comes twice (its manual, appendix A): without and with a row
#: that it would replace.
TWICE = {"23505", "21000"}


class Stored(NamedTuple):
    created: int  #: samples that were not there before
    days: int  #: day rows of instances that were derived anew


def store(
    batch: Batch, new_instances: Mapping[int, Instance], not_sized: Iterable[tuple[int, date, str]], now: datetime
) -> Stored:
    """Writes the samples and everything that is derived from them, in one transaction.

    `not_sized`: databases (instance id, day, name) that were listed without a size. Raises SamplesRejected when that
    shows errors in the samples, and TimeZoneChanged.
    """
    try:
        with transaction.atomic():
            if batch.staged and connection.vendor == "postgresql":
                execute(FOR_MANY_ROWS)
            if new_instances:
                _create_instances(batch, new_instances)
            _lock_instances(batch)
            newest = _check_state(batch)
            # Nothing is replaced then, and looking for what is takes a third of the time of writing.
            new = batch.staged and _are_new(batch.days)
            created = _write_samples(batch, newest, new)
            _write_not_sized(not_sized)
            days = write(_database_day_rows(batch, new, created), instance_day_rows(batch.days, now))
            write(
                stale_marks(batch.dates, batch.days),
                states.state_rows(states.DATABASE, batch.databases),
                states.state_rows(states.INSTANCE, batch.instances),
            )
            return Stored(created, days)
    except DatabaseError as error:
        if sqlstate(error) in TWICE:
            errors = ErrorList()
            errors.add(*batch.duplicates())
            if errors.total:
                raise errors.rejected() from None
        if error_code(error) != "sum_overflow":
            raise
    # Everything is undone: once more as far as the samples, to find out which ones are too large together.
    with transaction.atomic():
        _write_samples(batch, 0)
        rejected = _overflows(batch)
        transaction.set_rollback(True)
    raise rejected


def _create_instances(batch: Batch, new: Mapping[int, Instance]) -> None:
    """Saves the instances; one that somebody else has created meanwhile is taken as it is.

    The admin's history has the others.
    """
    before = set(Instance.objects.values_list("name", flat=True))
    Instance.objects.bulk_create(new.values(), ignore_conflicts=True)
    ids = dict(Instance.objects.values_list("name", "pk"))
    names = {one.name for one in new.values()} - before
    log_added(None, [Instance(pk=ids[name], name=name) for name in sorted(names)])
    batch.give_ids({key: ids[instance.name] for key, instance in new.items()})


def _lock_instances(batch: Batch) -> None:
    """Holds the instances of the batch, so that no other ingest derives their day rows at the same time.

    Without it each of two ingests would sum up the day without the other's samples. SQLite's write lock
    does it there.
    """
    ids = batch.instance_ids
    locked = Instance.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    if missing := set(ids) - set(locked.values_list("pk", flat=True)):
        numbers = ", ".join(map(str, sorted(missing)))
        raise _rejected(batch, f"instance_id IN ({numbers})", [], lambda index, _day: unknown_instance(index))


def _check_state(batch: Batch) -> int:
    """Raises TimeZoneChanged, and SamplesRejected for samples of days whose samples are purged; one query.

    Gives the newest id of a sample. The first ingest ever sets the time zone. A carried database counts with a size
    of the days before, so its later days are derived anew as well.
    """
    later = CarriedDatabase.objects.filter(collected_on__gt=batch.first_day)
    newest = RawSQL("SELECT COALESCE(MAX(id), 0) FROM database_size_stats", ())
    found = CapacityState.objects.values_list("time_zone", "samples_purged_before", newest, Exists(later)).first()
    if found is None:
        CapacityState.objects.get_or_create(pk=1, defaults={"time_zone": settings.TIME_ZONE})
        return _check_state(batch)
    zone, purged_before, newest_id, has_later = found
    if zone != settings.TIME_ZONE:
        raise TimeZoneChanged(
            _(
                "The days of the stored samples were made in the time zone %(stored)s, but WHALEFALL_TIME_ZONE is "
                "%(now)s: set it to %(stored)s again, or move the days by `manage.py rezone`."
            )
            % {"stored": zone, "now": settings.TIME_ZONE}
        )
    if purged_before and batch.first_day < purged_before:
        text = _("Samples before %(day)s have been purged (WHALEFALL_SAMPLE_RETENTION_DAYS): it comes too late.")
        detail = text % {"day": purged_before}
        raise _rejected(
            batch,
            "collected_on < %s",
            [connection.ops.adapt_datefield_value(purged_before)],
            lambda index, _day: SampleError(index, "collected_at", "already_purged", detail),
        )
    if has_later:
        batch.add_days(_carried_after(batch.database_days))
    return int(newest_id)


def _carried_after(database_days: Source) -> list[tuple[int, date]]:
    rows = fetch(
        f"""
        SELECT DISTINCT c.instance_id, c.collected_on FROM {database_days.sql}
        JOIN carried_databases AS c ON c.instance_id = v.instance_id AND c.database_name = v.database_name
            AND v.collected_on < c.collected_on AND v.collected_on >= {days_before("c.collected_on", CARRY_DAYS)}
        """,
        database_days.params,
    )
    return [(pk, date.fromisoformat(str(day))) for pk, day in rows]


def _are_new(days: Source) -> bool:
    """Whether nothing is stored of any of these instances and days, which are locked: nobody else adds to them."""

    def stored(table: str) -> str:
        # LIMIT keeps the look-up in the index: as a join, PostgreSQL might read the whole table for it.
        found = f"""SELECT 1 FROM {table} AS s
            WHERE s.instance_id = v.instance_id AND s.collected_on = v.collected_on LIMIT 1"""
        return f"EXISTS (SELECT 1 FROM {days.sql} WHERE ({found}) = 1)"

    ((found,),) = fetch(
        f"SELECT {stored('database_size_stats')} OR {stored('database_day_stats')}", days.params + days.params
    )
    return not found


def _write_samples(batch: Batch, newest: int, new: bool = False) -> int:
    """Inserts the samples, or replaces those of the same instance, database and time; gives the new ones.

    `new`: there is none to replace.
    """
    samples = batch.samples
    picked = ", ".join(f"v.{name}" for name in COLUMNS)
    sql = f"""
        INSERT INTO database_size_stats ({", ".join(COLUMNS)}) SELECT {picked} FROM {samples.sql}
        WHERE true ORDER BY v.instance_id, v.database_name, v.collected_at
    """
    if new:
        return execute(sql, samples.params)
    # Ids only grow, and nobody else inserts samples of these instances while they are locked.
    sql += """
        ON CONFLICT (instance_id, database_name, collected_at) DO UPDATE SET
            size_bytes = excluded.size_bytes, data_size_bytes = excluded.data_size_bytes,
            log_size_bytes = excluded.log_size_bytes, collected_on = excluded.collected_on
        RETURNING id > %s AS created
    """
    params = [*samples.params, newest]
    if connection.vendor == "postgresql":
        # Counted there; SQLite has no INSERT in a WITH.
        ((created,),) = fetch(f"WITH written AS ({sql}) SELECT COUNT(*) FROM written WHERE created", params)
        return int(created)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return sum(created for (created,) in cursor)


def _database_day_rows(batch: Batch, new: bool, created: int) -> Statement:
    """Derives the day rows that the batch touches; `created` of its samples were not there before."""
    if batch.staged:
        # All of their instances, as the samples of each database would be looked for by themselves.
        return database_day_rows(Source("incoming_samples AS s") if new else samples_of(batch.days), new)
    if created == len(batch.rows):
        return database_day_rows(parts_of_days(batch.samples, batch.database_days), parts=True)
    return database_day_rows(samples_of_databases(batch.database_days, batch.dates))


def _write_not_sized(not_sized: Iterable[tuple[int, date, str]]) -> None:
    rows = [CarriedDatabase(instance_id=pk, collected_on=day, database_name=name) for pk, day, name in not_sized]
    if rows:
        CarriedDatabase.objects.bulk_create(rows, ignore_conflicts=True)


def stale_marks(dates: Iterable[date], days: Source) -> Statement:
    """Marks, for each instance and day of `days`, the periods that contain the day, and those that follow.

    The change of the following ones depends on the day. `dates` are the distinct days.
    """
    marks = []
    for day in dates:
        for config in periods.PERIOD_CONFIG:
            period = periods.Period.containing(config.key, day)
            for start in (period.start, period.following().start):
                marks.append((day.isoformat(), config.key, start.isoformat()))
    # MATERIALIZED, as SQLite would read the days' JSON again for each mark, which is a second for 400 days.
    # DO UPDATE, not DO NOTHING: it waits for a roll-up that is deleting the mark. WHERE false: a mark that is there is
    # held until the commit and not written again.
    return Statement(
        f"""
        INSERT INTO stale_periods (period_type, period_start, instance_id)
        WITH m AS MATERIALIZED (SELECT v.* FROM {json_rows({"day": "date", "type": "text", "start": "date"})}),
            d AS MATERIALIZED (SELECT v.instance_id, v.collected_on FROM {days.sql})
        SELECT DISTINCT m.type, m.start, d.instance_id
        FROM m JOIN d ON d.collected_on = m.day
        WHERE true ORDER BY 1, 2, 3
        ON CONFLICT (period_type, period_start, instance_id) DO UPDATE SET period_start = excluded.period_start
            WHERE false
        """,
        [json.dumps(marks), *days.params],
    )


def _overflows(batch: Batch) -> SamplesRejected:
    """One item of each instance and day whose databases are too large together, of the stored samples."""
    stored = samples_of(batch.days)
    day = ", ".join(INSTANCE_KEY)
    condition = f"""({day}) IN (
        SELECT {day} FROM (
            SELECT s.*, ROW_NUMBER() OVER (
                PARTITION BY s.instance_id, s.database_name, s.collected_on ORDER BY s.collected_at DESC
            ) AS newest FROM {stored.sql}
        ) AS ranked
        WHERE newest = 1 GROUP BY {day} HAVING {too_large("size_bytes")}
    )"""
    text = _("The sizes of this instance's databases on %(day)s add up to more than %(limit)d bytes.")

    def error(index: int, day: date) -> SampleError:
        return SampleError(index, "size_bytes", "sum_overflow", text % {"day": day, "limit": MAX_BYTES})

    return _rejected(batch, condition, stored.params, error, each=day)


def _rejected(
    batch: Batch,
    condition: str,
    params: Iterable[Any],
    error: Callable[[int, date], SampleError],
    each: str = "position, collected_on",
) -> SamplesRejected:
    """The exception for the items of the batch that a condition in SQL holds for, the first one of `each`."""
    samples = batch.samples
    rows = fetch(
        f"SELECT MIN(position), collected_on, COUNT(*) OVER () FROM {samples.sql} WHERE {condition} "
        f"GROUP BY {each} ORDER BY 1 LIMIT {MAX_LISTED}",
        [*samples.params, *params],
    )
    errors = ErrorList()
    total = rows[0][2] if rows else 0
    errors.add((error(index, day) for index, day, _total in rows), total - len(rows))
    return errors.rejected()

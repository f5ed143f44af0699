"""The statements that store a staged batch. They run in one transaction, every one of them in key order."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from capacity import periods
from capacity.errors import TimeZoneChanged
from capacity.models import CapacityState, Instance
from capacity.runs.faults import error_code
from sync_sessions.common.history import log_added
from sync_sessions.records_sql import json_rows

from .samples import ErrorList, SampleError, SamplesRejected
from .staging import COLUMNS, execute, fetch
from .validation import MAX_BYTES


def create_instances(new: Mapping[int, Instance]) -> None:
    """Saves the instances and gives the staged samples their ids in place of the provisional ones (the keys).

    One that somebody else has created meanwhile is taken as it is. The admin's history has the others.
    """
    before = set(Instance.objects.values_list("name", flat=True))
    Instance.objects.bulk_create(new.values(), ignore_conflicts=True)
    ids = dict(Instance.objects.values_list("name", "pk"))
    names = {one.name for one in new.values()} - before
    log_added(None, [Instance(pk=ids[name], name=name) for name in sorted(names)])
    pairs = json.dumps([{"provisional": key, "id": ids[instance.name]} for key, instance in new.items()])
    # A table, as it has an index: SQLite would go through the whole JSON for every sample.
    execute("CREATE TEMPORARY TABLE incoming_instances (provisional bigint PRIMARY KEY, id bigint)")
    source = json_rows({"provisional": "bigint", "id": "bigint"})
    execute(f"INSERT INTO incoming_instances SELECT v.provisional, v.id FROM {source}", [pairs])
    for table in ("incoming_samples", "incoming_days"):
        execute(
            f"UPDATE {table} SET instance_id = known.id FROM incoming_instances AS known "
            f"WHERE {table}.instance_id = known.provisional"
        )


def lock_instances() -> None:
    """Holds the instances of the batch, so that no other ingest derives their day rows at the same time.

    Without it each of two ingests would sum up the day without the other's samples. SQLite's write lock
    does it there.
    """
    touched = RawSQL("SELECT instance_id FROM incoming_days", ())
    locked = Instance.objects.select_for_update(no_key=True).filter(pk__in=touched).order_by("pk")
    list(locked.values_list("pk"))
    gone = fetch("""
        SELECT MIN(position) FROM incoming_samples
        WHERE instance_id IN (
            SELECT instance_id FROM incoming_days WHERE instance_id NOT IN (SELECT id FROM instances)
        )
        GROUP BY instance_id ORDER BY 1
    """)
    if gone:
        text = _("The instance has been deleted meanwhile.")
        raise _rejected(SampleError(index, "instance_id", "unknown_instance", text) for (index,) in gone)


def check_time_zone() -> None:
    """Raises TimeZoneChanged when the stored dates were made in another zone; the first ingest sets it."""
    state, _created = CapacityState.objects.get_or_create(pk=1, defaults={"time_zone": settings.TIME_ZONE})
    if state.time_zone != settings.TIME_ZONE:
        raise TimeZoneChanged(
            _(
                "The days of the stored samples were made in the time zone %(stored)s, but WHALEFALL_TIME_ZONE is "
                "%(now)s: set it to %(stored)s again, or move the days by `manage.py rezone`."
            )
            % {"stored": state.time_zone, "now": settings.TIME_ZONE}
        )


def write_samples() -> int:
    """Inserts the staged samples, or replaces those of the same instance, database and time; gives the new ones."""
    ((newest,),) = fetch("SELECT COALESCE(MAX(id), 0) FROM database_size_stats")
    execute(f"""
        INSERT INTO database_size_stats ({COLUMNS})
        SELECT {COLUMNS} FROM incoming_samples
        WHERE true ORDER BY instance_id, database_name, collected_at
        ON CONFLICT (instance_id, database_name, collected_at) DO UPDATE SET
            size_bytes = excluded.size_bytes, data_size_bytes = excluded.data_size_bytes,
            log_size_bytes = excluded.log_size_bytes, collected_on = excluded.collected_on
    """)
    # Ids only grow, and nobody else inserts samples of these instances while they are locked.
    ((created,),) = fetch(
        "SELECT COUNT(*) FROM database_size_stats "
        "WHERE id > %s AND instance_id IN (SELECT instance_id FROM incoming_days)",
        [newest],
    )
    return created


# CROSS JOIN makes SQLite read the few days first; it would go through all samples ever stored.
_OF_TOUCHED_DAYS = """
    FROM incoming_days AS d CROSS JOIN database_size_stats AS s
    WHERE s.instance_id = d.instance_id AND s.collected_on = d.collected_on
"""
_LAST_OF_EACH_DATABASE = f"""
    FROM (
        SELECT s.instance_id, s.collected_on, s.size_bytes, s.collected_at, ROW_NUMBER() OVER (
            PARTITION BY s.instance_id, s.collected_on, s.database_name ORDER BY s.collected_at DESC
        ) AS newest
        {_OF_TOUCHED_DAYS}
    ) AS ranked
    WHERE newest = 1
    GROUP BY instance_id, collected_on
"""


def write_days(now: datetime) -> int:
    """Derives the day rows of the batch's instances and days from all samples of them; gives how many."""
    try:
        with transaction.atomic():
            # PostgreSQL sums to a numeric: the cast makes it an error there as well not to fit in 2^63-1.
            return execute(
                f"""
                INSERT INTO instance_size_stats
                    (instance_id, collected_on, total_size_bytes, database_count, collected_at, updated_at)
                SELECT instance_id, collected_on, CAST(SUM(size_bytes) AS bigint), COUNT(*), MAX(collected_at),
                    {"CAST(%s AS timestamptz)" if connection.vendor == "postgresql" else "%s"}
                {_LAST_OF_EACH_DATABASE}
                ORDER BY instance_id, collected_on
                ON CONFLICT (instance_id, collected_on) DO UPDATE SET
                    total_size_bytes = excluded.total_size_bytes, database_count = excluded.database_count,
                    collected_at = excluded.collected_at, updated_at = excluded.updated_at
                """,
                [connection.ops.adapt_datetimefield_value(now)],
            )
    except DatabaseError as error:
        if error_code(error) != "sum_overflow":
            raise
    raise _rejected(_overflows())


def _overflows() -> Iterator[SampleError]:
    # The halves of the numbers are summed apart, as the sum itself is what does not fit.
    too_large = fetch(f"""
        SELECT MIN(position), collected_on FROM incoming_samples
        WHERE (instance_id, collected_on) IN (
            SELECT instance_id, collected_on {_LAST_OF_EACH_DATABASE}
            HAVING SUM(size_bytes >> 32) + (CAST(SUM(size_bytes & {2**32 - 1}) AS bigint) >> 32) >= {2**31}
        )
        GROUP BY instance_id, collected_on ORDER BY 1
    """)
    for index, day in too_large:
        detail = _("The sizes of this instance's databases on %(day)s add up to more than %(limit)d bytes.")
        yield SampleError(index, "size_bytes", "sum_overflow", detail % {"day": day, "limit": MAX_BYTES})


def _rejected(found: Iterable[SampleError]) -> SamplesRejected:
    errors = ErrorList()
    errors.add(found)
    return errors.rejected()


def mark_stale(days: Iterable[date]) -> None:
    """Marks, for each instance and day of the batch, the periods that contain the day, and those that follow.

    The change of the following ones depends on the day.
    """
    marks = []
    for day in days:
        for config in periods.PERIOD_CONFIG:
            period = periods.Period.containing(config.key, day)
            for start in (period.start, period.following().start):
                marks.append({"day": day.isoformat(), "type": config.key, "start": start.isoformat()})
    # DO UPDATE, not DO NOTHING: it waits for a roll-up that is deleting the mark.
    execute(
        f"""
        INSERT INTO stale_periods (period_type, period_start, instance_id)
        SELECT DISTINCT v.type, v.start, d.instance_id
        FROM {json_rows({"day": "date", "type": "text", "start": "date"})}
        JOIN incoming_days AS d ON d.collected_on = v.day
        WHERE true ORDER BY 1, 2, 3
        ON CONFLICT (period_type, period_start, instance_id) DO UPDATE SET period_start = excluded.period_start
        """,
        [json.dumps(marks)],
    )

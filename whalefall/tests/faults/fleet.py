"""A small fleet, what an undisturbed run makes of it, and what may never be seen whatever breaks."""

import threading
from contextlib import closing
from datetime import datetime

import psycopg2
from django.db import connection, transaction

from capacity.aggregation.due import stale_periods
from capacity.aggregation.service import AggregationService
from capacity.collection.ingest import Sample, ingest
from capacity.models import DatabaseSizeAggregation, Instance, InstanceSizeAggregation, StalePeriod
from capacity.periods import parse_periods, today
from capacity.tests.samples import database_rows, instance_rows
from sync_sessions.models import SyncInstanceRecord, SyncSession

from .stack import CHUNK, database_url

INSTANCES = 6 * CHUNK
DATABASES = 3
#: The end of a quarter: complete daily, weekly, monthly and quarterly periods are stale after it.
DAYS = ("2025-03-30", "2025-03-31")
TYPES = ("daily", "weekly", "monthly", "quarterly")
FIRST, THIRD = "fleet-00", f"fleet-{2 * CHUNK:02}"  #: the first instances of the first and of the third chunk

AGGREGATED = (DatabaseSizeAggregation, InstanceSizeAggregation, SyncInstanceRecord, SyncSession, StalePeriod)

# One statement, so one moment: instances whose rows and completed records do not go together, of periods
# that have never been aggregated before.
TORN = f"""
    WITH done AS (
        SELECT DISTINCT details->>'period_type' AS period_type, (details->>'period_start')::date AS period_start,
            instance_id
        FROM sync_instance_records AS record JOIN sync_sessions AS session ON session.id = record.session_id
        WHERE record.status = 'completed' AND session.sync_category = 'aggregation'
    ), parts AS (
        SELECT period_type, period_start, instance_id, count(*) AS databases
        FROM database_size_aggregations GROUP BY 1, 2, 3
    ), totals AS (SELECT period_type, period_start, instance_id FROM instance_size_aggregations)
    SELECT done.instance_id IS NOT NULL AS recorded
    FROM done
    FULL JOIN parts USING (period_type, period_start, instance_id)
    FULL JOIN totals USING (period_type, period_start, instance_id)
    WHERE done.instance_id IS NULL OR totals.instance_id IS NULL OR coalesce(databases, 0) <> {DATABASES}
"""


class Fleet:
    """24 instances with 3 databases each, samples of two days, nothing aggregated; `expected` is what has to come."""

    def __init__(self):
        self.instances = Instance.objects.bulk_create(
            Instance(name=f"fleet-{n:02}", db_type="postgresql") for n in range(INSTANCES)
        )
        self.add_samples(10)
        self.marks = list(StalePeriod.objects.values("instance_id", "period_type", "period_start"))
        self.stale_at_first = self.stale()
        self.expected = self.undisturbed()

    def add_samples(self, hour, instances=None):
        """A sample of every database at that hour of every day."""
        ingest(
            Sample(one.pk, f"db{n}", datetime.fromisoformat(f"{day}T{hour:02}:00:00+08:00"), size, size // 2)
            for position, one in enumerate(self.instances if instances is None else instances)
            for n in range(DATABASES)
            for day in DAYS
            for size in [10**6 * (position + 1) + 10**3 * n + 10**5 * int(day[-1]) + hour]
        )

    def stale(self):
        return stale_periods(parse_periods(None), today())

    def undisturbed(self):
        """The period rows that the stale periods make, computed here and taken back."""
        with transaction.atomic():
            service = AggregationService()
            for period in self.stale():
                service.calculate_period_aggregations(period.type, period=period)
            rows = self.rows()
            transaction.set_rollback(True)
        return rows

    @staticmethod
    def rows(stamps=False):
        return {"database": database_rows(stamps=stamps), "instance": instance_rows(stamps=stamps)}

    def reset(self):
        """As it was before anything was aggregated."""
        with transaction.atomic():  # the watch is not to see half of it
            for model in AGGREGATED:
                model.objects.all().delete()
            StalePeriod.objects.bulk_create(StalePeriod(**mark) for mark in self.marks)


def of_type(period_type):
    """The sessions of that type, the first one first."""
    return SyncSession.objects.filter(details__period_type=period_type).order_by("pk")


def statuses(session):
    """(status, error code) of each record, in the order of the instances."""
    return list(session.records.order_by("instance_id").values_list("status", "error_code"))


def missing_rows(expected, found):
    """How many of the expected rows are not there as they should be."""
    return sum(row not in found[level] for level, rows in expected.items() for row in rows)


def strange_rows(expected, found):
    return sum(row not in expected[level] for level, rows in found.items() for row in rows)


def done_twice():
    """Instances that two sessions have completed the same period of, although nothing new came in between."""
    done = SyncInstanceRecord.objects.filter(status="completed").values_list(
        "session__details__period_type", "session__details__period_start", "instance_id"
    )
    return len(done) - len(set(done))


def torn_chunks():
    """Chunks of which some records are done and others not, in all sessions."""
    torn = 0
    for session in SyncSession.objects.all():
        statuses = list(session.records.order_by("instance_id").values_list("status", flat=True))
        done = [status in ("completed", "skipped") for status in statuses]
        torn += sum(len(set(done[first : first + CHUNK])) > 1 for first in range(0, len(done), CHUNK))
    return torn


class Watch:
    """Looks for torn moments all the time, on a connection of its own, until it is left."""

    NAME = "whalefall faults watch"

    def __enter__(self):
        self.seen, self.looks, self.error = [], 0, None
        self.left = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def __exit__(self, *_error):
        self.left.set()
        self.thread.join(timeout=20)

    def look(self):
        try:
            with closing(psycopg2.connect(database_url(), application_name=self.NAME)) as own:
                own.autocommit = True
                with own.cursor() as cursor:
                    while not self.left.wait(0.05):
                        cursor.execute(TORN)
                        self.seen += [recorded for (recorded,) in cursor.fetchall()]
                        self.looks += 1
        except psycopg2.Error as error:
            self.error = error


def terminate_others():
    """Ends every connection to this database but those of the test; gives how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> %s""",
            [Watch.NAME],
        )
        return len(cursor.fetchall())


def deadlocks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]

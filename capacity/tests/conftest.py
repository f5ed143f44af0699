from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection
from django.db.backends.signals import connection_created
from django.db.models.functions import Now

from capacity.aggregation.runners import DatabaseAggregationRunner
from capacity.tests import servers
from capacity.tests.servers import closed_port
from sync_sessions.choices import Service
from sync_sessions.life import give_sign
from sync_sessions.models import SignOfLife


def pytest_runtest_setup(item):
    if item.get_closest_marker("postgresql") and connection.vendor != "postgresql":
        pytest.skip("needs DATABASE_URL to name a PostgreSQL")


@pytest.fixture(scope="module")
def pg():
    """What scratch_postgresql makes; a test may add to it what the others of its file do not count."""
    with servers.scratch_postgresql() as names:
        yield names


@pytest.fixture(scope="module")
def my():
    """What scratch_mysql makes; a test may add to it what the others of its file do not count."""
    with servers.scratch_mysql() as names:
        yield names


@pytest.fixture
def elsewhere():
    """Runs a function on a connection of its own, as another process would, and gives what it returns."""

    def run(function, *args, **kwargs):
        def work():
            try:
                return function(*args, **kwargs)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(work).result(timeout=30)

    return run


@pytest.fixture
def poison():
    """Makes the database refuse the period rows of some instances, with an integrity error by default.

    On PostgreSQL the refusal can have any SQLSTATE.
    """
    tables = []

    def refuse(*instances, table="database_size_aggregations", sqlstate="23514"):
        ids = ", ".join(str(instance.pk) for instance in instances)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(
                    f"""CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                        IF NEW.instance_id IN ({ids}) THEN
                            RAISE EXCEPTION 'poisoned row' USING ERRCODE = '{sqlstate}';
                        END IF;
                        RETURN NEW;
                    END $$"""
                )
                do = f"FOR EACH ROW EXECUTE FUNCTION refuse_{table}()"
            else:
                do = f"WHEN NEW.instance_id IN ({ids}) BEGIN SELECT RAISE(ABORT, 'poisoned row'); END"
            cursor.execute(f"CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} {do}")
        tables.append(table)

    yield refuse
    with connection.cursor() as cursor:
        for table in tables:
            if connection.vendor == "postgresql":
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # no trigger goes while foreign keys are unchecked
                cursor.execute(f"DROP FUNCTION refuse_{table} CASCADE")
            else:
                cursor.execute(f"DROP TRIGGER refuse_{table}")


@pytest.fixture
def raising(monkeypatch):
    """Makes the roll-up of databases raise for some instances.

    Called with {instance: exception}; gives the list of the sizes of the parts that were tried.
    """

    def arrange(errors):
        real, parts = DatabaseAggregationRunner.run, []
        by_id = {instance.pk: error for instance, error in errors.items()}

        def run(self, period, instance_ids):
            parts.append(len(instance_ids))
            written = real(self, period, instance_ids)
            for pk in instance_ids:
                if pk in by_id:
                    raise by_id[pk]
            return written

        monkeypatch.setattr(DatabaseAggregationRunner, "run", run)
        return parts

    return arrange


@pytest.fixture
def sleeps(monkeypatch):
    """The pauses that were asked for; none is made. Put functions into `then` to have something happen in them."""

    class Sleeps(list):
        then = ()

    asked = Sleeps()

    def sleep(seconds):
        asked.append(seconds)
        for happen in asked.then:
            happen()

    monkeypatch.setattr("time.sleep", sleep)
    return asked


@pytest.fixture
def lock_out():
    """Has another connection take a lock that the roll-up needs; gives the function that lets it go.

    Nobody waits longer than 50 ms for a lock then.
    """
    holder = connection.copy()

    def impatient(connection, **kwargs):
        with connection.cursor() as cursor:
            wait = "SET lock_timeout = '50ms'" if connection.vendor == "postgresql" else "PRAGMA busy_timeout = 50"
            cursor.execute(wait)

    def take():
        connection_created.connect(impatient)
        connection.close()
        with holder.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE" if holder.vendor == "sqlite" else "BEGIN")
            if holder.vendor == "postgresql":
                cursor.execute("LOCK TABLE database_size_aggregations IN EXCLUSIVE MODE")
        return holder.close

    yield take
    holder.close()
    connection_created.disconnect(impatient)
    connection.close()


@pytest.fixture
def read_only():
    """A context in which this connection cannot write."""

    @contextmanager
    def entered():
        on, off = "SET default_transaction_read_only = on", "SET default_transaction_read_only = off"
        if connection.vendor == "sqlite":
            on, off = "PRAGMA query_only = on", "PRAGMA query_only = off"
        with connection.cursor() as cursor:
            cursor.execute(on)
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute(off)

    return entered


@pytest.fixture
def queued(settings, monkeypatch):
    """With a broker configured; what is put on the queue is kept here in place of it: (task, *arguments)."""
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    messages = []
    monkeypatch.setattr(current_app, "send_task", lambda task, args, **options: messages.append((task, *args)))
    return messages


@pytest.fixture
def silent_worker(queued):
    """A queue whose worker gave its last sign of life ten minutes ago; gives what is queued."""
    give_sign(Service.WORKER)
    SignOfLife.objects.update(seen_at=Now() - timedelta(minutes=10))
    return queued


@pytest.fixture
def broker_down(settings):
    """With a broker configured that nobody answers for."""
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{closed_port()}/0"

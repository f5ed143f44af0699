"""Chunks of a run side by side on PostgreSQL, each over a connection of its own."""

import signal
import threading
import time

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from structlog.contextvars import clear_contextvars, get_contextvars

from capacity.aggregation.progress import ProgressCallbacks
from capacity.aggregation.runners import DatabaseAggregationRunner
from capacity.models import StalePeriod
from capacity.tests.samples import aggregate, database_rows, instance_rows, make_fleet, mark, run, the
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db(transaction=True)

DAY = the("daily", "2025-06-30")
on_postgresql = pytest.mark.postgresql


@pytest.fixture
def fleet(settings):
    """Six instances, a chunk each, two at a time."""
    settings.WHALEFALL_CHUNK_SIZE = 1
    settings.WHALEFALL_PARALLEL_CHUNKS = 2
    return make_fleet(6, "2025-06-30")


@pytest.fixture
def during(monkeypatch):
    """Does something for an instance once its database rows are written, in the transaction of its chunk."""

    def arrange(does):
        real = DatabaseAggregationRunner.run

        def roll_up(self, period, ids):
            written = real(self, period, ids)
            for pk, do in ((one.pk, do) for one, do in does.items()):
                if pk in ids:
                    do()
            return written

        monkeypatch.setattr(DatabaseAggregationRunner, "run", roll_up)

    return arrange


def backend():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def work_until_stopped():
    """Asks the database for something again and again; only being stopped ends it in time."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        backend()


def statuses():
    return list(SyncInstanceRecord.objects.order_by("instance_id").values_list("status", flat=True))


def with_rows():
    ids = [row["instance_id"] for row in database_rows()]
    assert ids == [row["instance_id"] for row in instance_rows()]
    return ids


@on_postgresql
def test_two_chunks_are_computed_at_a_time_over_connections_that_are_closed_at_the_end(fleet, during):
    both, backends = threading.Barrier(2, timeout=20), set()

    def meet():
        backends.add(backend())
        both.wait()

    during(dict.fromkeys(fleet, meet))
    result = run(DAY)

    assert (result.session.status, with_rows()) == ("completed", [one.pk for one in fleet])
    assert [one.instance_id for one in result.summary.results] == [one.pk for one in fleet]
    assert len(backends) == 2
    assert backend() not in backends
    with connection.cursor() as cursor:
        # A backend goes a moment after its client has hung up.
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE pid = ANY(%s)", [[*backends]]
        )
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", [[*backends]])
        assert cursor.fetchone() == (0,)


def test_any_number_of_lanes_writes_the_same_and_counts_the_same(settings, raising):
    fleet = make_fleet(13, "2025-06-30")
    raising({fleet[4]: ValueError("no luck")})
    found = []
    for settings.WHALEFALL_CHUNK_SIZE, settings.WHALEFALL_PARALLEL_CHUNKS in ((13, 1), (1, 4), (5, 3)):
        StalePeriod.objects.all().delete()
        for one in fleet:
            mark(one, DAY)
        session = run(DAY).session
        counts = (session.successful_instances, session.failed_instances, session.skipped_instances)
        marked = [one.instance_id for one in StalePeriod.objects.all()]
        ends = list(session.records.order_by("instance_id").values_list("status", flat=True))
        found.append((counts, marked, ends, database_rows(), instance_rows()))

    assert found[0] == found[1] == found[2]
    assert found[0][:3] == ((12, 1, 0), [fleet[4].pk], ["completed"] * 4 + ["failed"] + ["completed"] * 8)


@on_postgresql
def test_the_first_error_stops_the_other_chunk_and_is_the_one_raised(fleet, during):
    both, error = threading.Barrier(2, timeout=20), SystemExit(3)

    def fail():
        both.wait()
        raise error

    def go_on():
        both.wait()
        work_until_stopped()

    during({fleet[0]: go_on, fleet[1]: fail})
    with pytest.raises(SystemExit) as raised:
        run(DAY)

    assert raised.value is error
    assert (SyncSession.objects.get().status, statuses()) == ("failed", ["failed"] * 6)
    assert with_rows() == []


@on_postgresql
def test_the_time_limit_of_a_job_stops_every_chunk_and_is_what_is_raised(fleet, during):
    """Its signal interrupts the main thread alone, which waits for the others."""
    error, main = SoftTimeLimitExceeded(), threading.main_thread().ident
    both = threading.Barrier(2, timeout=20)

    def out_of_time(number, frame):
        raise error

    def interrupt():
        if both.wait() == 0:
            signal.pthread_kill(main, signal.SIGUSR1)
        work_until_stopped()

    during({fleet[0]: interrupt, fleet[1]: interrupt})
    before = signal.signal(signal.SIGUSR1, out_of_time)
    try:
        with pytest.raises(SoftTimeLimitExceeded) as raised:
            run(DAY)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert raised.value is error
    assert (SyncSession.objects.get().status, statuses()) == ("failed", ["failed"] * 6)
    assert with_rows() == []


@on_postgresql
def test_a_cancellation_keeps_neither_of_the_chunks_under_way(fleet, during, elsewhere):
    both = threading.Barrier(2, timeout=20)

    def cancel():
        if both.wait() == 0:
            elsewhere(lambda: sync_session_service.cancel_session(SyncSession.objects.get()))
        both.wait()

    during(dict.fromkeys(fleet, cancel))
    result = run(DAY)

    assert (result.summary.status, result.session.status) == ("cancelled", "cancelled")
    assert statuses() == ["cancelled"] * 6
    assert [one.status for one in result.summary.results] == ["cancelled"] * 6
    assert with_rows() == []


@on_postgresql
def test_a_chunk_whose_connection_is_lost_is_tried_again_beside_the_other(fleet, during):
    lost = []

    def lose():
        if not lost:
            lost.append(backend())
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    during({fleet[1]: lose})

    assert run(DAY).session.status == "completed"
    assert (statuses(), len(lost)) == (["completed"] * 6, 1)
    assert with_rows() == [one.pk for one in fleet]


def test_the_lines_of_every_lane_say_which_session_they_are_of(fleet):
    clear_contextvars()  # a request of an earlier test leaves its id to the thread
    bound = []
    session = run(
        DAY, listeners=ProgressCallbacks(on_complete=lambda results: bound.append(get_contextvars()))
    ).session
    assert {one["session_id"] for one in bound} == {str(session.session_id)}
    assert len(bound) == 6
    assert get_contextvars() == {}


@on_postgresql
@pytest.mark.parametrize(("instances", "chunks"), [(2, [2]), (5, [2, 1, 1, 1]), (9, [2, 1, 2, 1, 2, 1])])
def test_two_lanes_have_as_many_chunks_each_and_of_about_the_same_size(settings, raising, instances, chunks):
    settings.WHALEFALL_CHUNK_SIZE = settings.WHALEFALL_PARALLEL_CHUNKS = 2
    fleet, parts = make_fleet(instances, "2025-06-30"), raising({})
    aggregate(DAY, instances=fleet)
    assert sorted(parts) == sorted(chunks)


def who_computes():
    threads = []
    aggregate(DAY, callbacks=ProgressCallbacks(on_complete=lambda results: threads.append(threading.current_thread())))
    return threads


def test_within_a_callers_transaction_it_computes_one_chunk_after_the_other_itself(fleet):
    with transaction.atomic():
        assert who_computes() == [threading.current_thread()] * 6


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has many writers at a time")
def test_sqlite_has_one_writer_at_a_time(fleet):
    assert who_computes() == [threading.current_thread()] * 6

"""A run as others see it while it runs: its progress, its cancellation, its lease."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.db.models.functions import Now

from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.aggregation.progress import ProgressCallbacks
from capacity.aggregation.runners import DatabaseAggregationRunner
from capacity.aggregation.service import AggregationService
from capacity.tests.factories import make_instance
from capacity.tests.samples import database_rows, instance_rows, make_fleet, run, the, when_chunk
from sync_sessions.errors import SessionFinished, SessionLost
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db(transaction=True)

DAY = the("daily", "2025-06-30")


@pytest.fixture
def fleet(settings):
    """Six instances in three chunks, one after the other."""
    settings.WHALEFALL_CHUNK_SIZE = 2
    settings.WHALEFALL_PARALLEL_CHUNKS = 1
    return make_fleet(6, "2025-06-30")


def record_statuses():
    return list(SyncInstanceRecord.objects.order_by("instance_id").values_list("status", flat=True))


def with_rows():
    ids = [row["instance_id"] for row in database_rows()]
    assert ids == [row["instance_id"] for row in instance_rows()]
    return ids


def age(seconds, field="heartbeat_at"):
    """Makes every open session that much older than it is."""
    SyncSession.objects.open().update(**{field: Now() - timedelta(seconds=seconds)})


def cancel():
    sync_session_service.cancel_session(SyncSession.objects.get())


def reap():
    return [session.error_code for session in sync_session_service.fail_stale_sessions()]


def test_others_see_the_progress_after_every_chunk(fleet, elsewhere):
    def look():
        session = SyncSession.objects.get()
        return session.status, session.successful_instances, record_statuses(), len(with_rows())

    seen = []
    run(DAY, listeners=ProgressCallbacks(on_start=lambda refs: seen.append(elsewhere(look))))

    done, begun, waiting = ["completed"] * 2, ["running"] * 2, ["pending"] * 2
    assert seen == [
        ("running", 0, begun + waiting * 2, 0),
        ("running", 2, done + begun + waiting, 2),
        ("running", 4, done * 2 + begun, 4),
    ]


def test_a_run_cancelled_by_others_keeps_its_whole_chunks_and_stays_cancelled(fleet, elsewhere):
    result = run(DAY, listeners=when_chunk(2, lambda: elsewhere(cancel)))

    session = SyncSession.objects.get()
    assert (session.status, session.total_instances, session.successful_instances) == ("cancelled", 6, 2)
    assert record_statuses() == ["completed"] * 2 + ["cancelled"] * 4
    assert with_rows() == [one.pk for one in fleet[:2]]
    assert (result.summary.status, result.summary.processed_instances) == ("cancelled", 2)
    assert result.snapshot["status"] == "cancelled"
    with pytest.raises(SessionFinished, match="cannot be cancelled"):
        cancel()


def test_after_a_cancellation_no_further_chunk_is_begun(fleet, elsewhere, raising):
    parts = raising({})

    run(DAY, listeners=when_chunk(1, lambda: elsewhere(cancel)))

    assert (len(parts), with_rows()) == (1, [])


@pytest.mark.postgresql
def test_a_cancellation_does_not_wait_for_the_chunk_whose_rows_are_then_rolled_back(fleet, elsewhere, monkeypatch):
    real = DatabaseAggregationRunner.run

    def run_and_be_cancelled(self, period, ids):
        written = real(self, period, ids)
        if fleet[2].pk in ids:
            elsewhere(cancel)
        return written

    monkeypatch.setattr(DatabaseAggregationRunner, "run", run_and_be_cancelled)

    run(DAY)

    assert with_rows() == [one.pk for one in fleet[:2]]
    assert record_statuses() == ["completed"] * 2 + ["cancelled"] * 4


def test_a_cancellation_after_the_last_chunk_is_not_overwritten(fleet, elsewhere):
    class Slow(AggregationService):
        def calculate_daily_aggregations(self, **kwargs):
            summary = super().calculate_daily_aggregations(**kwargs)
            elsewhere(cancel)
            return summary

    result = run(DAY, service=Slow())

    assert (result.session.status, SyncSession.objects.get().status) == ("cancelled", "cancelled")
    assert record_statuses() == ["completed"] * 6


def test_a_run_that_was_given_up_by_others_writes_nothing_more(fleet, elsewhere):
    def give_up():
        age(91)
        assert reap() == ["abandoned"]

    with pytest.raises(SessionLost, match="is no longer running: it is Failed"):
        run(DAY, listeners=when_chunk(2, lambda: elsewhere(give_up)))

    session = SyncSession.objects.get()
    assert (session.status, session.error_code) == ("failed", "abandoned")
    assert "no sign of life" in session.error_message
    assert (session.successful_instances, session.failed_instances) == (2, 4)
    assert record_statuses() == ["completed"] * 2 + ["failed"] * 4
    assert set(SyncInstanceRecord.objects.filter(status="failed").values_list("error_code")) == {("abandoned",)}
    assert with_rows() == [one.pk for one in fleet[:2]]


def test_a_run_that_was_taken_over_leaves_the_rows_of_its_successor(fleet, elsewhere):
    successors = []

    def take_over():
        age(91)
        successors.append((run(DAY).session, database_rows(stamps=True)))

    with pytest.raises(SessionLost):
        run(DAY, listeners=when_chunk(2, lambda: elsewhere(take_over)))

    [(successor, rows)] = successors
    assert (successor.status, successor.successful_instances) == ("completed", 6)
    assert database_rows(stamps=True) == rows
    assert [session.status for session in SyncSession.objects.order_by("id")] == ["failed", "completed"]


def test_a_slow_run_keeps_its_lease_as_long_as_its_chunks_come(fleet, elsewhere):
    reaped = []

    def pass_time():
        age(80)
        reaped.append(reap())

    result = run(DAY, listeners=ProgressCallbacks(on_start=lambda refs: elsewhere(pass_time)))

    assert reaped == [[], [], []]
    assert (result.session.status, len(with_rows())) == ("completed", 6)


def test_a_session_that_died_before_its_first_chunk_is_reaped(fleet):
    AggregationOrchestrator().open(DAY, "all", sync_type="scheduled_task")

    age(89)
    assert reap() == []
    age(91)
    assert (reap(), reap()) == (["abandoned"], [])
    assert record_statuses() == ["failed"] * 6
    assert run(DAY).session.status == "completed"


def test_a_session_that_no_worker_took_is_reaped_after_the_queue_limit(fleet, settings):
    AggregationOrchestrator().open(DAY, "all", sync_type="scheduled_task", status="pending")

    age(settings.WHALEFALL_QUEUE_LIMIT - 10, "created_at")
    assert reap() == []
    age(settings.WHALEFALL_QUEUE_LIMIT + 1, "created_at")
    assert reap() == ["never_started"]


def test_a_starter_reaps_the_dead_session_that_holds_its_key(fleet):
    dead = AggregationOrchestrator().open(DAY, "all", sync_type="scheduled_task")
    age(91)

    result = run(DAY)

    dead.refresh_from_db()
    assert (dead.status, dead.error_code, result.session.status) == ("failed", "abandoned", "completed")


def test_two_reapers_fail_each_dead_session_once_and_no_live_one():
    for number in range(6):
        instance = make_instance(f"db-{number}")
        AggregationOrchestrator().open(DAY, "all", instances=[instance], sync_type="manual_single")
    sessions = list(SyncSession.objects.order_by("id"))
    dead = {session.pk for session in sessions[:4]}
    SyncSession.objects.filter(pk__in=dead).update(heartbeat_at=Now() - timedelta(seconds=91))
    together = Barrier(2, timeout=20)

    def reaper():
        try:
            together.wait()
            return [session.pk for session in sync_session_service.fail_stale_sessions()]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        reaped = [future.result(timeout=30) for future in [pool.submit(reaper), pool.submit(reaper)]]

    assert Counter(reaped[0] + reaped[1]) == Counter(dead)
    assert set(SyncSession.objects.running().values_list("pk", flat=True)) == {one.pk for one in sessions[4:]}

"""PostgreSQL and Redis that go away during a run and come back."""

import time

import pytest

from sync_sessions.models import SyncSession

from .fleet import terminate_others
from .stack import wait_until
from .test_kills import THIRD, TYPES, of_type

pytestmark = [pytest.mark.faults, pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def test_runs_whose_connections_are_ended_at_random_moments_lose_nothing(
    stack, fleet, settled, tally, repeats, chance
):
    stack.worker(FAULTS_PAUSE=0.05, WHALEFALL_PARALLEL_CHUNKS=2)
    for _round in range(repeats):
        fleet.reset()
        for period_type in TYPES:
            stack.aggregate(period_type)
        for _time in range(3):
            wait_until(SyncSession.objects.running().exists, what="a run")
            time.sleep(chance.uniform(0, 0.5))
            tally.add("connection ended", terminate_others())
        settled()


def test_a_connection_ended_in_the_middle_of_a_chunk_is_made_again(stack, fleet, settled, tally):
    stack.worker(concurrency=1)
    held = stack.order("written", f"daily.{THIRD}", "hold")
    stack.aggregate(*TYPES)
    wait_until(held.exists, what="the third chunk")
    tally.add("connection ended", terminate_others())
    held.unlink()
    settled()

    assert stack.logged("aggregation.chunk_retried")
    assert [session.status for session in of_type("daily")] == ["completed"] * of_type("daily").count()


def test_a_run_completes_although_redis_was_stopped(stack, fleet, redis, settled, tally):
    stack.worker()
    held = stack.order("begun", f"daily.{THIRD}", "hold")
    task = stack.aggregate(*TYPES)
    wait_until(held.exists, what="the third chunk")
    try:
        redis.stop()
        tally.add("Redis stopped during a run")
        held.unlink()
        wait_until(lambda: not stack.pid_of(task), 30, "the end of the task")

        assert set(SyncSession.objects.values_list("status", flat=True)) == {"completed"}
        assert SyncSession.objects.count() == len(fleet.stale_at_first)
        assert stack.logged("job_lock.not_extended", level="warning")
        assert stack.logged(
            "job_lock.redis_unavailable", level="warning"
        )  # the later kinds of period began without it
    finally:
        redis.start()
    settled()


def test_work_goes_on_after_a_restart_of_redis(stack, fleet, redis, settled, tally):
    # Celery's worker ends with an error when it holds a message that it has not acknowledged at that moment.
    stack.worker(restarted=True)
    stack.aggregate("daily")
    wait_until(lambda: of_type("daily").filter(status="completed").count() == 2, what="the daily runs")
    redis.stop()
    redis.start()
    tally.add("Redis restarted")

    def done_by_schedule():
        stack.aggregate(*TYPES)
        time.sleep(1)
        return not fleet.stale()

    wait_until(done_by_schedule, 60, "the schedule to have an effect")
    settled()


def test_no_second_run_begins_when_redis_forgets_its_locks(stack, fleet, redis, settled, tally):
    stack.worker(WHALEFALL_SESSION_LEASE=30, constants={"capacity.runs.faults.BUSY_MARGIN_SECONDS": -28})
    held = stack.order("begun", f"daily.{THIRD}", "hold")
    stack.aggregate(*TYPES)
    wait_until(held.exists, what="the third chunk")
    redis.flush()
    tally.add("Redis flushed")
    stack.aggregate("daily")
    wait_until(lambda: stack.logged("aggregation.period_skipped", kind="busy"), what="the second to say busy")
    assert of_type("daily").get(details__period_start="2025-03-30").status == "running"
    assert "already under way" in stack.logged("aggregation.period_skipped")[0]["error"]
    held.unlink()
    settled()

    assert set(SyncSession.objects.values_list("status", flat=True)) == {"completed"}

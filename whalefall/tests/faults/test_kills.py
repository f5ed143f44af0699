"""Processes killed in the middle of a run."""

import os
import signal
import time

import pytest

from capacity.tests.samples import database_rows
from sync_sessions.models import SyncInstanceRecord, SyncSession

from .fleet import THIRD, TYPES, of_type, statuses
from .stack import CHUNK, LEASE, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

AGGREGATION = "capacity.run_capacity_aggregation"
FAIL_STALE = "sync_sessions.fail_stale_sessions"


def test_children_killed_at_random_moments_lose_nothing(stack, fleet, settled, tally, repeats, chance):
    stack.worker(FAULTS_PAUSE=0.05, WHALEFALL_PARALLEL_CHUNKS=2)
    for _round in range(repeats):
        fleet.reset()
        tasks = {period_type: stack.aggregate(period_type) for period_type in TYPES}
        killed = []
        for period_type, task in tasks.items():
            wait_until(of_type(period_type).exists, what=f"the {period_type} run")
            time.sleep(chance.uniform(0, 0.3))
            pid = stack.pid_of(task)
            if pid and of_type(period_type).open().exists():
                os.kill(pid, signal.SIGKILL)
                killed.append(period_type)
        tally.add("child killed", len(killed))
        settled()
        for model in (SyncSession, SyncInstanceRecord):
            assert set(model.objects.filter(status="failed").values_list("error_code", flat=True)) <= {"abandoned"}


def test_a_child_killed_exactly_before_or_after_a_commit(stack, fleet, settled, tally):
    stack.worker()
    before = stack.order("reported", f"daily.{THIRD}", "kill")
    after = stack.order("committed", f"weekly.{THIRD}", "kill")
    tasks = [stack.aggregate("daily"), stack.aggregate("weekly")]
    wait_until(lambda: before.exists() and after.exists(), what="both kills")
    wait_until(lambda: not any(stack.pid_of(task) for task in tasks), what="both deaths")

    for period_type, chunks in (("daily", 2), ("weekly", 3)):
        done = [status for status, _code in statuses(of_type(period_type).first())].count("completed")
        rows = {row["instance_id"] for row in database_rows() if row["period_type"] == period_type}
        assert (done, len(rows)) == (chunks * CHUNK, chunks * CHUNK)

    tally.add("child killed before a commit")
    tally.add("child killed after a commit")
    stack.aggregate("monthly", "quarterly")
    settled()
    for period_type, chunks in (("daily", 2), ("weekly", 3)):
        dead, successor = of_type(period_type)[:2]
        assert (dead.status, dead.error_code) == ("failed", "abandoned")
        done, left = chunks * CHUNK, (6 - chunks) * CHUNK
        assert statuses(dead) == [("completed", "")] * done + [("failed", "abandoned")] * left
        assert (successor.status, successor.total_instances) == ("completed", left)


def test_a_worker_killed_with_all_its_children(stack, fleet, settled, tally):
    delivered_again = {"broker_transport_options": {"visibility_timeout": 2 * LEASE, "unacked_restore_interval": 1}}
    worker = stack.worker(celery=delivered_again)
    held = stack.order("written", f"daily.{THIRD}", "hold")
    stack.aggregate(*TYPES)
    wait_until(held.exists, what="the third chunk")
    worker.kill()
    tally.add("worker killed")

    stack.worker(celery=delivered_again)
    wait_until(lambda: stack.send(FAIL_STALE) and of_type("daily")[0].status != "running", LEASE + 5)
    assert of_type("daily")[0].error_code == "abandoned"
    assert of_type("daily").count() == 1
    settled()
    assert stack.begun(AGGREGATION) == 2


def test_a_task_that_always_kills_its_process_is_given_up(stack, fleet, settled, tally):
    stack.worker()
    kills = stack.order("prerun", AGGREGATION, "kill", always=True)
    stack.aggregate(*TYPES)
    wait_until(lambda: stack.redis.waiting() == 0, 60, "an empty queue", stable=1)
    tally.add("task that kills its process")

    assert stack.begun(AGGREGATION) == 4
    assert not SyncSession.objects.exists()
    kills.unlink()
    stack.aggregate(*TYPES)
    settled()

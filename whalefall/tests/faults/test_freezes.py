"""Runs that are frozen, cancelled or interrupted in the middle."""

import os
import signal

import pytest

from sync_sessions.errors import SessionFinished
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .fleet import THIRD, of_type, statuses
from .stack import CHUNK, LEASE, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def test_a_run_frozen_past_its_lease_writes_nothing_more_when_it_wakes_up(stack, fleet, settled, tally):
    stack.worker()
    outside = stack.order("begun", f"daily.{THIRD}", "freeze")
    inside = stack.order("written", f"weekly.{THIRD}", "freeze")
    frozen = {"daily": stack.aggregate("daily"), "weekly": stack.aggregate("weekly")}
    wait_until(lambda: outside.exists() and inside.exists(), what="both freezes")
    tally.add("run frozen past its lease", 2)
    stack.aggregate("daily", "weekly")
    wait_until(lambda: not fleet_is_stale(fleet, "daily", "weekly"), LEASE + 60, "the successors")
    taken_over = fleet.rows(stamps=True)

    for task in frozen.values():
        os.kill(stack.pid_of(task), signal.SIGCONT)
    wait_until(lambda: not any(map(stack.pid_of, frozen.values())), 30, "the ends of the frozen tasks")

    assert fleet.rows(stamps=True) == taken_over
    for period_type in frozen:
        dead, successor = of_type(period_type)[:2]
        assert (dead.status, dead.error_code, successor.status) == ("failed", "abandoned", "completed")
        assert statuses(dead) == [("completed", "")] * 2 * CHUNK + [("failed", "abandoned")] * 4 * CHUNK
    stack.aggregate("monthly", "quarterly")
    settled()


def fleet_is_stale(fleet, *period_types):
    return any(period.type in period_types for period in fleet.stale()) or SyncSession.objects.open().exists()


def test_a_run_cancelled_by_another_process_keeps_whole_chunks_and_stays_cancelled(stack, fleet, settled, tally):
    stack.worker()
    outside = stack.order("begun", f"daily.{THIRD}", "hold")
    inside = stack.order("written", f"weekly.{THIRD}", "hold")
    tasks = [stack.aggregate("daily"), stack.aggregate("weekly")]
    wait_until(lambda: outside.exists() and inside.exists(), what="both holds")
    sessions = [of_type(period_type).get() for period_type in ("daily", "weekly")]
    for session in sessions:
        sync_session_service.cancel_session(session)
    tally.add("run cancelled", 2)
    outside.unlink()
    inside.unlink()
    wait_until(lambda: not any(map(stack.pid_of, tasks)), what="the ends of the tasks")

    for session in sessions:
        session.refresh_from_db()
        assert session.status == "cancelled"
        assert statuses(session) == [("completed", "")] * 2 * CHUNK + [("cancelled", "")] * 4 * CHUNK
        with pytest.raises(SessionFinished):
            sync_session_service.cancel_session(session)
    stack.aggregate("daily", "weekly", "monthly", "quarterly")
    settled()


def test_a_process_told_to_end_in_the_middle_fails_its_session_itself(stack, fleet, settled, tally):
    stack.worker()
    stack.order("begun", f"daily.{THIRD}", "exit")
    stack.order("written", f"weekly.{THIRD}", "interrupt")
    stack.aggregate("daily")
    stack.aggregate("weekly")
    stack.aggregate("monthly", "quarterly")
    settled()
    tally.add("SystemExit")
    tally.add("KeyboardInterrupt")

    for period_type, said in (("daily", "SystemExit: 1"), ("weekly", "KeyboardInterrupt")):
        ended, successor = of_type(period_type)[:2]
        assert (ended.status, ended.error_code, ended.error_message) == ("failed", "unexpected_error", said)
        assert statuses(ended) == [("completed", "")] * 2 * CHUNK + [("failed", "unexpected_error")] * 4 * CHUNK
        assert (successor.status, successor.total_instances) == ("completed", 4 * CHUNK)


def test_a_run_over_its_soft_time_limit_ends_with_it(stack, fleet, settled, tally):
    stack.worker(WHALEFALL_SESSION_LEASE=30)
    stack.order("begun", f"daily.{THIRD}", "hold")
    stack.order("written", f"weekly.{THIRD}", "hold")
    stack.aggregate("daily", "monthly", soft_time_limit=1)
    stack.aggregate("weekly", "quarterly", soft_time_limit=1)
    wait_until(lambda: stack.redis.waiting() == 0, 60, "the ends of the tasks", stable=1)
    tally.add("soft time limit", 2)

    assert sorted(SyncSession.objects.values_list("details__period_type", flat=True)) == ["daily", "weekly"]
    for session in SyncSession.objects.all():
        assert (session.status, session.error_code) == ("failed", "unexpected_error")
        assert session.error_message == "SoftTimeLimitExceeded: SoftTimeLimitExceeded()"
        assert statuses(session) == [("completed", "")] * 2 * CHUNK + [("failed", "unexpected_error")] * 4 * CHUNK
    stack.aggregate("daily", "weekly", "monthly", "quarterly")
    settled()

"""What a scheduled job makes of a run: its result, its log line, whether it comes again, its lock."""

import json
from contextlib import contextmanager
from unittest.mock import create_autospec

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from structlog.testing import capture_logs

from capacity.aggregation.locks import CapacityLockManager, JobLock
from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.aggregation.results import InstanceRef, InstanceResult, LevelResult, PeriodSummary
from capacity.aggregation.service import AggregationService
from capacity.aggregation.task_runner import AggregationTaskRunner
from capacity.errors import JobBusy, PeriodError
from capacity.tests.factories import make_instance
from capacity.tests.samples import make_fleet, mark, the
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

DAY = the("daily", "2025-06-29")
IDENTITY = {"period_type": "daily", "period_start": "2025-06-29", "period_end": "2025-06-29"}
BUSY = 120  # the lease of 90 s and a margin


class Locks(CapacityLockManager):
    """Tells what is done with its locks; refuses them on demand."""

    def __init__(self, busy=False):
        super().__init__("")
        self.busy, self.told = busy, []

    @contextmanager
    def job_lock(self, period):
        if self.busy:
            raise JobBusy("Another worker has it.")
        self.told.append(f"taken {period.type}")

        class Told(JobLock):
            def extend(_self, _results=None):
                self.told.append("extended")

        try:
            yield Told()
        finally:
            self.told.append("released")


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning of Monday 30 June in Shanghai


@pytest.fixture
def instance():
    """Marked for the last complete day."""
    instance = make_instance("sales")
    mark(instance, DAY)
    return instance


@pytest.fixture
def service():
    # Of an object: of the class, autospec takes `self` for an argument of a partialmethod.
    return create_autospec(AggregationService())


def run(service, locks=None, **options):
    """The runner's result for the daily type and the log lines, with level and event first."""
    with capture_logs() as logs:
        result = AggregationTaskRunner(service, lock_manager=locks or Locks()).run_periods(["daily"], **options)
    json.dumps(result)
    return result, [(line.pop("log_level"), line.pop("event"), line) for line in logs]


def summary(*statuses):
    """A service's answer for instances that ended so."""
    level = LevelResult("completed", DAY, processed_records=3, created=1, updated=2, samples=9)
    of = {
        "completed": InstanceResult(0, "db-0", "completed", processed_records=6, database=level, instance=level),
        "skipped": InstanceResult.of(InstanceRef(1, "db-1"), "skipped", "no_samples"),
        "failed": InstanceResult(2, "db-2", "failed"),
    }
    return AggregationService.build_period_summary(DAY, [of[status] for status in statuses])


@pytest.mark.parametrize(
    ("statuses", "status", "level", "message", "errors"),
    [
        (["completed"], "completed", "info", "1 of 1 instance aggregated, 0 skipped, 0 failed.", []),
        (["skipped"], "skipped", "warning", "0 of 1 instance aggregated, 1 skipped, 0 failed.", []),
        (
            ["completed", "failed"],
            "failed",
            "error",
            "1 of 2 instances aggregated, 0 skipped, 1 failed.",
            ["db-2: aggregation failed"],
        ),
    ],
)
def test_what_the_service_says_is_the_result_and_one_line_of_its_level(
    instance, service, statuses, status, level, message, errors
):
    def answer(instances, callbacks, **kwargs):
        tell = callbacks.on_error if "failed" in statuses else callbacks.on_complete
        tell([InstanceResult.of(one, statuses[-1]) for one in instances])
        return summary(*statuses)

    service.calculate_daily_aggregations.side_effect = answer

    result, logs = run(service)

    [one] = result["periods"]
    assert result | {"periods": []} == {
        "status": status,
        "message": message,
        "retry_after": None,
        "error_class": None,
        "periods": [],
    }
    assert one["session_id"] == str(SyncSession.objects.get().session_id)
    block = {"instances": 1, "processed_records": 3, "created": 1, "updated": 2, "samples": 9}
    assert one | {"session_id": ""} == {
        **IDENTITY,
        "status": status,
        "message": message,
        "retry_after": None,
        "session_id": "",
        "processed_instances": statuses.count("completed"),
        "skipped_instances": statuses.count("skipped"),
        "failed_instances": statuses.count("failed"),
        "processed_records": 6 * statuses.count("completed"),
        "errors": errors,
        "database": block if "completed" in statuses else dict.fromkeys(block, 0),
        "instance": block if "completed" in statuses else dict.fromkeys(block, 0),
    }
    [(logged, event, facts)] = logs
    assert (logged, event) == (level, f"aggregation.period_{status}")
    assert facts["message"] == message
    assert facts.get("errors", []) == errors
    assert (facts["period_type"], facts["period_start"]) == ("daily", "2025-06-29")
    assert facts["session_id"] == one["session_id"]


@pytest.mark.parametrize(
    ("error", "name", "level", "retry_after", "traceback"),
    [
        (PeriodError("no such period"), "validation", "error", None, False),
        (OperationalError("database is locked"), "transient", "warning", 30, False),
        (InterfaceError("connection already closed"), "transient", "warning", 30, False),
        (OperationalError("database or disk is full"), "unexpected", "error", None, True),
        (KeyError("odd"), "unexpected", "error", None, True),
    ],
)
def test_what_ends_a_run_is_classified_logged_and_on_its_session(
    instance, service, error, name, level, retry_after, traceback
):
    service.calculate_daily_aggregations.side_effect = error

    result, [(logged, event, facts)] = run(service)

    session = SyncSession.objects.get()
    assert session.status == "failed"
    assert (result["status"], result["retry_after"], result["error_class"]) == ("failed", retry_after, name)
    assert result["periods"] == [
        {
            **IDENTITY,
            "status": "failed",
            "message": session.error_message,
            "error_class": name,
            "retry_after": retry_after,
            "session_id": str(session.session_id),
        }
    ]
    assert (logged, event) == (level, "aggregation.period_failed")
    assert facts == {
        "period_type": "daily",
        "kind": name,
        "error": session.error_message,
        "retry_after": retry_after,
        "exc_info": error if traceback else None,
    }


def test_a_session_that_is_open_makes_it_busy(instance, service):
    AggregationOrchestrator().open(the("daily", "2025-06-30"), "all", sync_type="manual_task")

    result, [(level, event, facts)] = run(service)

    assert (result["status"], result["retry_after"], result["error_class"]) == ("skipped", BUSY, "busy")
    assert (level, event, facts["kind"]) == ("warning", "aggregation.period_skipped", "busy")
    assert "A run of the same kind is already under way" in facts["error"]
    assert not service.calculate_daily_aggregations.called


def test_a_lock_that_another_worker_has_makes_it_busy(instance, service):
    result, [(level, event, facts)] = run(service, Locks(busy=True))

    assert (result["status"], result["retry_after"], result["error_class"]) == ("skipped", BUSY, "busy")
    assert (level, event, facts["error"]) == ("warning", "aggregation.period_skipped", "Another worker has it.")
    assert not SyncSession.objects.exists()


@pytest.mark.parametrize("answer", [summary("completed"), RuntimeError("odd"), OperationalError("database is locked")])
def test_the_lock_is_released_however_the_run_ends(instance, service, answer):
    service.calculate_daily_aggregations.side_effect = [answer]
    locks = Locks()

    run(service, locks)

    assert locks.told == ["taken daily", "released"]


def test_the_lock_is_extended_with_every_chunk_failed_ones_included(settings, poison):
    settings.WHALEFALL_CHUNK_SIZE = 1
    fleet = make_fleet(3, DAY.start)
    for one in fleet:
        mark(one, DAY)
    poison(fleet[1])
    locks = Locks()

    result, _logs = run(AggregationService(), locks)

    assert locks.told == ["taken daily", *["extended"] * 3, "released"]
    assert (result["periods"][0]["processed_instances"], result["periods"][0]["failed_instances"]) == (2, 1)


def test_a_run_that_was_cancelled_says_so(instance, service):
    def cancelled(**kwargs):
        sync_session_service.cancel_session(SyncSession.objects.get())
        return summary("completed")

    service.calculate_daily_aggregations.side_effect = cancelled

    result, [(level, event, _facts)] = run(service)

    assert (result["status"], result["periods"][0]["status"]) == ("cancelled", "cancelled")
    assert (result["retry_after"], level, event) == (None, "warning", "aggregation.period_cancelled")


def test_the_soft_time_limit_ends_the_job_and_its_session_and_begins_no_other(service, instance):
    mark(instance, the("daily", "2025-06-28"))
    service.calculate_daily_aggregations.side_effect = limit = SoftTimeLimitExceeded()
    locks = Locks()

    with pytest.raises(SoftTimeLimitExceeded) as raised:
        run(service, locks)

    assert raised.value is limit
    assert SyncSession.objects.get().status == "failed"
    assert locks.told[-1] == "released"


def test_blocks_are_cut_out_of_the_summary_and_nothing_is_calculated(service):
    """Numbers that contradict each other stay as the service made them."""
    runner = AggregationTaskRunner(service, lock_manager=Locks())
    odd = {"instances": -1, "processed_records": 10**18, "anything": 5}
    both = PeriodSummary(
        DAY, "completed", "", processed_records=1, levels={"database": odd, "instance": {"samples": 2}}
    )
    one = PeriodSummary(DAY, "completed", "", levels={"database": odd})

    assert (runner._collect_database_result(both), runner._collect_instance_results(both)) == (odd, {"samples": 2})
    assert (runner._collect_database_result(one), runner._collect_instance_results(one)) == (odd, {})
    assert service.mock_calls == []


class Logger:
    """One of the caller's own."""

    def __init__(self):
        self.lines = []

    def __getattr__(self, level):
        return lambda event, **facts: self.lines.append((level, event, facts))


@pytest.mark.parametrize(("status", "level"), [("completed", "info"), ("skipped", "warning"), ("failed", "error")])
def test_the_line_goes_to_the_given_logger_and_leaves_out_what_is_empty(service, status, level):
    logger = Logger()
    result = {"status": status, "period_start": "2025-06-29", "message": "why", "processed_instances": 0, "errors": []}

    AggregationTaskRunner(service, logger, Locks())._log_period_summary("daily", result)

    facts = {"period_type": "daily", "period_start": "2025-06-29", "message": "why"}
    assert logger.lines == [(level, f"aggregation.period_{status}", facts)]

"""The Celery tasks: their names, their results, when they come again, and a real worker that does them."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import quote

import pytest
from celery import current_app
from celery.exceptions import Retry
from celery.signals import task_retry
from django.db import OperationalError, connection
from kombu import Connection
from structlog.testing import capture_logs

from capacity import tasks
from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.aggregation.service import AggregationService
from capacity.models import StalePeriod
from capacity.periods import today
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, database_rows, instance_rows, make_fleet, mark, the
from capacity.upkeep.retention import PurgeResult
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service
from whalefall.tests.brokers import redis_database
from whalefall.tests.starts import ROOT

DAY = the("daily", "2025-06-29")
BUSY = 120  # the lease of 90 s and a margin


@pytest.fixture
def _now(time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning of Monday 30 June in Shanghai


@pytest.fixture
def busy():
    """Another run of the day's type."""
    return AggregationOrchestrator().open(DAY, "all", sync_type="scheduled_task")


def do(task, *args, **options):
    """The task's result, eagerly: what it asks to be tried again is tried at once."""
    result = task.apply(args, **options).get()
    return json.loads(json.dumps(result))


def wait(result, retries):
    """In how many seconds a task with that result comes again after so many times; None: not."""
    task = tasks.run_capacity_aggregation
    task.push_request(id="t-1", retries=retries, args=(), kwargs={}, is_eager=True, called_directly=False)
    try:
        tasks.finish(task, result)
    except Retry as again:
        assert again.sig.options["retries"] == retries + 1
        return again.when
    finally:
        task.pop_request()
    return None


@pytest.mark.unit
@pytest.mark.parametrize(
    ("task", "name"),
    [
        (tasks.run_capacity_aggregation, "capacity.run_capacity_aggregation"),
        (tasks.run_capacity_instance_aggregation, "capacity.run_capacity_instance_aggregation"),
        (tasks.aggregate_current, "capacity.aggregate_current"),
        (tasks.collect_capacity, "capacity.collect_capacity"),
        (tasks.collect_capacity_batch, "capacity.collect_capacity_batch"),
        (tasks.purge_samples, "capacity.purge_samples"),
    ],
)
def test_a_task_has_its_name_for_ever_as_schedules_store_it(task, name):
    assert current_app.tasks[name].name == task.name == name


@pytest.mark.unit
def test_what_is_busy_comes_again_three_times_after_the_time_it_says():
    result = {"retry_after": BUSY, "error_class": "busy", "message": "busy"}

    assert [wait(result, retries) for retries in range(5)] == [BUSY, BUSY, BUSY, None, None]


@pytest.mark.unit
@pytest.mark.parametrize(("draw", "waits"), [(lambda n: 0, [30, 30, 30]), (lambda n: n - 1, [60, 90, 150])])
def test_what_is_transient_comes_again_at_growing_jittered_intervals(monkeypatch, draw, waits):
    monkeypatch.setattr("random.randrange", draw)
    result = {"retry_after": 30, "error_class": "transient", "message": "locked"}

    assert [wait(result, retries) for retries in range(4)] == [*waits, None]


@pytest.mark.unit
def test_the_interval_ends_at_ten_minutes(monkeypatch):
    monkeypatch.setattr("random.randrange", lambda n: n - 1)
    monkeypatch.setattr(tasks, "RETRIES", 99)
    result = {"retry_after": 30, "error_class": "transient", "message": "locked"}

    assert [wait(result, retries) for retries in (4, 5, 50)] == [510, 600, 600]


@pytest.mark.unit
@pytest.mark.parametrize("result", [{"retry_after": None}, {"status": "pending"}])
def test_what_asks_for_nothing_is_the_result(result):
    assert tasks.finish(tasks.run_capacity_aggregation, result) is result


@pytest.mark.unit
def test_what_was_given_up_is_logged_and_its_result_stands():
    result = {"retry_after": BUSY, "error_class": "busy", "message": "another has it"}

    with capture_logs() as logs:
        assert wait(result, retries=3) is None

    assert logs == [
        {
            "log_level": "warning",
            "event": "task.given_up",
            "task": "capacity.run_capacity_aggregation",
            "message": "another has it",
        }
    ]


@pytest.mark.django_db
def test_busy_to_the_end_is_a_logged_skip(_now, busy):
    mark(make_instance(), DAY)

    with capture_logs() as logs:
        result = do(tasks.run_capacity_aggregation, ["daily"])

    assert (result["status"], result["error_class"]) == ("skipped", "busy")
    assert [line["event"] for line in logs] == [*["aggregation.period_skipped"] * 4, "task.given_up"]
    assert SyncSession.objects.get() == busy


@pytest.mark.django_db
def test_busy_once_the_work_is_done_the_next_time(_now, busy):
    [instance] = make_fleet(1, DAY.start)
    mark(instance, DAY)

    def end(**kwargs):
        sync_session_service.cancel_session(busy)

    task_retry.connect(end)
    try:
        result = do(tasks.run_capacity_aggregation, ["daily"], task_id="t-7")
    finally:
        task_retry.disconnect(end)

    assert (result["status"], len(database_rows())) == ("completed", 1)
    assert SyncSession.objects.exclude(pk=busy.pk).get().task_id == "t-7"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "tries"),
    [(OperationalError("database is locked"), 4), (OperationalError("disk is full"), 1), (ValueError("odd"), 1)],
)
def test_only_a_transient_error_is_tried_again(_now, monkeypatch, error, tries):
    mark(make_instance(), DAY)

    def fail(self, **options):
        raise error

    monkeypatch.setattr(AggregationService, "calculate_daily_aggregations", fail)

    assert do(tasks.run_capacity_aggregation, ["daily"])["status"] == "failed"
    assert SyncSession.objects.filter(status="failed").count() == tries


@pytest.mark.django_db
@pytest.mark.parametrize(("periods", "scope"), [(["yearly"], "all"), (None, "databases"), (5, "all")])
def test_arguments_that_staff_got_wrong_fail_once(periods, scope):
    with capture_logs() as logs:
        result = do(tasks.run_capacity_aggregation, periods, scope)

    assert (result["status"], result["retry_after"]) == ("failed", None)
    assert [(line["log_level"], line["event"]) for line in logs] == [("error", "aggregation.period_failed")]


@pytest.mark.django_db
def test_one_instance_is_aggregated_and_busy_is_tried_again(_now):
    first, _second = make_fleet(2, DAY.start)

    assert do(tasks.run_capacity_instance_aggregation, first.pk, ["daily"])["status"] == "completed"
    assert {row["instance_id"] for row in database_rows()} == {first.pk}

    AggregationOrchestrator().open(DAY, "all", instances=[first], sync_type="manual_single")
    with capture_logs() as logs:
        do(tasks.run_capacity_instance_aggregation, first.pk, ["daily"])
    assert [line["event"] for line in logs].count("aggregation.period_skipped") == 4


@pytest.mark.django_db
def test_a_queued_session_that_is_delivered_twice_runs_once(_now):
    make_fleet(2, "2025-06-30")
    day = the("daily", "2025-06-30")
    session = AggregationOrchestrator().open(day, "database", sync_type="manual_task", status="pending")

    first = do(tasks.aggregate_current, str(session.session_id), task_id="t-1")
    with capture_logs() as logs:
        second = do(tasks.aggregate_current, str(session.session_id), task_id="t-2")

    assert (first["status"], first["processed_records"], first["session"]["status"]) == ("completed", 2, "completed")
    message = f"Session {session.session_id} was not waiting to be started: it is Completed."
    assert second == {"status": "skipped", "message": message}
    assert [(line["log_level"], line["event"], line["reason"]) for line in logs] == [
        ("warning", "current_aggregation.duplicate", message)
    ]
    assert SyncSession.objects.get().task_id == "t-1"


@pytest.mark.django_db
def test_the_purge_says_what_it_did():
    nothing = PurgeResult().as_dict()
    assert do(tasks.purge_samples) == nothing


@contextmanager
def worker(broker, log):
    """A worker of its own on the test's database."""
    database = connection.settings_dict
    login = f"{quote(database['USER'])}:{quote(database['PASSWORD'])}@{database['HOST']}:{database['PORT'] or 5432}"
    variables = {
        "DATABASE_URL": f"postgres://{login}/{database['NAME']}",
        "REDIS_URL": broker,
        **{name: os.environ[name] for name in ("PATH", "PYTEST_VERSION")},
    }
    command = [sys.executable, "-m", "celery", "-A", "whalefall", "worker", "-c", "2", "-l", "WARNING"]
    with log.open("w") as sink:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=sink, stderr=sink)
        try:
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
            process.wait()


def ended(count):
    """Waits until so many sessions have ended."""
    deadline = time.monotonic() + 60
    while SyncSession.objects.ended().count() < count:
        assert time.monotonic() < deadline, "the worker did not do it within a minute"
        time.sleep(0.2)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_worker_does_what_is_scheduled_and_what_is_queued(tmp_path):
    yesterday = the("daily", str(today() - timedelta(days=1)))
    fleet = make_fleet(2, yesterday.start)
    for one in fleet:
        mark(one, yesterday)
    current = yesterday.following()
    add_both(fleet[0], current.start, 7)
    queued = AggregationOrchestrator().open(current, "instance", sync_type="manual_task", status="pending")
    log = tmp_path / "worker.log"

    with redis_database() as broker, Connection(broker) as channel, worker(broker, log):
        tasks.run_capacity_aggregation.apply_async([["weekly", "monthly"]], connection=channel)
        for _twice in range(2):
            tasks.aggregate_current.apply_async([str(queued.session_id)], connection=channel)
        ended(1)
        tasks.run_capacity_aggregation.apply_async([["daily"]], connection=channel, task_id="nightly")
        ended(2)

    scheduled = SyncSession.objects.exclude(pk=queued.pk).get()
    assert (scheduled.status, scheduled.task_id, scheduled.successful_instances) == ("completed", "nightly", 2)
    assert [(row["instance_id"], row["period_start"]) for row in database_rows()] == [
        (one.pk, yesterday.start) for one in fleet
    ]
    assert [row["period_start"] for row in instance_rows()] == [yesterday.start] * 2 + [current.start]
    assert not StalePeriod.objects.exists()
    queued.refresh_from_db()
    assert (queued.status, queued.successful_instances, queued.skipped_instances) == ("completed", 1, 1)
    lines = log.read_text()
    assert (lines.count("current_aggregation.duplicate"), lines.count("aggregation.skipped")) == (1, 1), lines
    assert "Traceback" not in lines

"""The Celery application: what it is configured to, and how its processes start."""

import os
import subprocess
import sys
import time
from contextlib import closing
from sqlite3 import connect

import pytest
from celery import current_app, shared_task
from celery.signals import task_postrun, task_prerun
from django.conf import settings
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from capacity.tests.servers import closed_port
from whalefall import celery_app
from whalefall.celery import app
from whalefall.tests.brokers import redis_database
from whalefall.tests.starts import ROOT, manage

NAMES = {
    "capacity.aggregate_current",
    "capacity.aggregate_periods",
    "capacity.collect_capacity",
    "capacity.collect_capacity_batch",
    "capacity.purge_samples",
    "capacity.refresh_insight",
    "capacity.run_capacity_aggregation",
    "capacity.run_capacity_instance_aggregation",
    "capacity.send_notifications",
    "capacity.send_report",
    "capacity.snapshot_tables",
    "sync_sessions.fail_stale_sessions",
}


@shared_task(name="tests.look", bind=True)
def look(self):
    return get_contextvars()


def celery(*arguments, **variables):
    """A process of `celery -A whalefall`, with only these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTEST_VERSION") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "whalefall", *arguments],
        cwd=ROOT,
        env=kept | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.django_db  # a worker runs the checks as it imports
def test_every_task_of_the_apps_is_found():
    app.loader.import_default_modules()

    assert {name for name in app.tasks if name.split(".")[0] in ("capacity", "sync_sessions")} == NAMES


@pytest.mark.unit
def test_shared_tasks_belong_to_the_application():
    assert celery_app is app
    assert current_app._get_current_object() is app


@pytest.mark.unit
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task_acks_late", True),
        ("task_retry_on_worker_lost", True),
        ("task_reject_on_worker_lost", None),  # no cap on how often
        ("task_ignore_result", True),
        ("task_always_eager", False),
        ("task_soft_time_limit", 1200),
        ("task_time_limit", 1500),
        ("task_serializer", "json"),
        ("result_serializer", "json"),
        ("accept_content", ["json"]),
        ("worker_prefetch_multiplier", 1),
        ("worker_hijack_root_logger", False),
        ("broker_connection_retry_on_startup", True),
        ("beat_scheduler", "whalefall.beat:Scheduler"),
        ("beat_cron_starting_deadline", 3600),
        ("beat_schedule", {}),
        ("timezone", "Asia/Shanghai"),
        ("result_backend", None),
    ],
)
def test_the_options_that_reliability_rests_on(name, value):
    assert app.conf[name] == value


@pytest.mark.unit
def test_nothing_is_delivered_again_while_it_may_still_run():
    transport = app.conf.broker_transport_options

    assert transport["visibility_timeout"] > app.conf.task_time_limit + 600 + settings.WHALEFALL_SESSION_LEASE
    assert (transport["unacked_restore_interval"], transport["unacked_restore_throttle"]) == (10, 1)
    assert (transport["socket_timeout"], transport["socket_connect_timeout"]) == (30, 5)
    assert transport["health_check_interval"] == 25


@pytest.mark.django_db  # a worker runs the checks as it imports
@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_task_has_the_options_of_the_application(name):
    app.loader.import_default_modules()
    task = app.tasks[name]

    assert (task.acks_late, task.retry_on_worker_lost, task.ignore_result) == (True, True, True)
    assert task.max_retries == 3


@pytest.mark.unit
def test_what_a_task_logs_says_which_task_it_was_and_nothing_is_left_behind():
    clear_contextvars()

    assert look.apply(task_id="t-1").get() == {"task_id": "t-1", "task": "tests.look"}
    assert get_contextvars() == {}


@pytest.mark.unit
def test_what_the_task_before_has_bound_is_gone():
    task_prerun.send(sender=look, task_id="t-1", task=look)
    bind_contextvars(session_id="of t-1")
    task_postrun.send(sender=look, task_id="t-1", task=look)

    assert look.apply(task_id="t-2").get() == {"task_id": "t-2", "task": "tests.look"}


@pytest.fixture
def sqlite(migrated):
    """The URL of a migrated database whose samples have their days in Shanghai, with a dead session in it."""
    code = """
from capacity.models import CapacityState
from sync_sessions.models import SyncSession
CapacityState.objects.create(pk=1, time_zone="Asia/Shanghai")
SyncSession.objects.create(status="running", heartbeat_at="2020-01-01T00:00:00Z", lock_key="x",
                           sync_type="manual_task", sync_category="other")
"""
    assert manage("shell", "-v", "0", "-c", code, DATABASE_URL=migrated).returncode == 0
    return migrated


@pytest.mark.unit
@pytest.mark.processes
@pytest.mark.parametrize("role", [["worker", "-c", "1"], ["beat", "-s", "unused", "--pidfile="]])
def test_with_a_wrong_time_zone_neither_a_worker_nor_beat_starts(sqlite, role):
    broker = f"redis://127.0.0.1:{closed_port()}/0"
    process = celery(*role, DATABASE_URL=sqlite, CELERY_BROKER_URL=broker, WHALEFALL_TIME_ZONE="Europe/Berlin")
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 1
    assert "WHALEFALL_TIME_ZONE is Europe/Berlin, but the days of the samples" in out


@pytest.mark.processes
def test_a_worker_that_starts_fails_what_a_dead_one_has_left(sqlite):
    def reason():
        with closing(connect(sqlite.removeprefix("sqlite:///"))) as database:
            return database.execute("SELECT error_code FROM sync_sessions").fetchone()[0]

    with redis_database() as broker:
        worker = celery("worker", "-c", "1", DATABASE_URL=sqlite, CELERY_BROKER_URL=broker)
        try:
            deadline = time.monotonic() + 60
            while not reason() and time.monotonic() < deadline:
                time.sleep(0.2)
        finally:
            worker.kill()
            worker.communicate()

    assert reason() == "abandoned"

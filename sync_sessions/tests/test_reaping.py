"""Dead sessions: who fails them, when, and what is left alone."""

from datetime import timedelta
from io import StringIO

import pytest
from celery import current_app
from django.core.management import call_command
from django.db.models.functions import Now

from sync_sessions.choices import SessionStatus
from sync_sessions.ends import end_session
from sync_sessions.models import SyncSession
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service
from sync_sessions.tasks import fail_stale_sessions

pytestmark = pytest.mark.django_db

LEASE, QUEUE = timedelta(seconds=90), timedelta(hours=1)
SOON = timedelta(seconds=5)


@pytest.fixture
def two():
    """Two instances by id and name; any rows will do for the log."""
    from capacity.tests.factories import make_instance

    return [(one.pk, one.name) for one in (make_instance("a"), make_instance("b"))]


@pytest.fixture
def dead(open_session, age, two):
    """A running one past its lease and a queued one past its limit, in this order."""
    running = open_session("running", two)
    queued = open_session("queued", two, status=SessionStatus.PENDING)
    age(running, LEASE + SOON)
    age(queued, QUEUE + SOON)
    return [running, queued]


def reap():
    out = StringIO()
    call_command("reap_sessions", stdout=out)
    return out.getvalue().splitlines()


def states():
    return dict(SyncSession.objects.values_list("lock_key", "status"))


def test_the_task_has_its_name_for_ever_as_schedules_store_it():
    name = "sync_sessions.fail_stale_sessions"

    assert current_app.tasks[name].name == fail_stale_sessions.name == name


def test_the_task_fails_the_dead_and_names_them(dead):
    assert fail_stale_sessions.apply().get() == {"failed": [str(one.session_id) for one in dead], "taken_up": []}
    assert states() == {"running": "failed", "queued": "failed"}


def test_the_command_fails_the_dead_and_names_them(dead):
    running, queued = dead

    assert reap() == [
        f"{running.session_id}  running  abandoned",
        f"{queued.session_id}  queued  never_started",
        "2 dead sessions failed.",
    ]


def test_the_dead_are_reaped_once(dead):
    assert len(fail_stale_sessions.apply().get()["failed"]) == 2
    assert reap() == ["0 dead sessions failed."]


def test_one_is_counted_in_the_singular(open_session, age):
    age(open_session(), LEASE + SOON)

    assert reap()[-1] == "1 dead session failed."


def test_the_live_the_waiting_and_the_ended_are_left_alone(open_session, age):
    age(open_session("live"), LEASE - SOON)
    age(open_session("waiting", status=SessionStatus.PENDING), QUEUE - SOON)
    ended = open_session("ended")
    sync_session_service.finish_session(ended)
    age(ended, timedelta(days=1))

    assert reap() == ["0 dead sessions failed."]
    assert states() == {"live": "running", "waiting": "pending", "ended": "completed"}


def test_a_queued_session_has_the_time_of_the_queue_not_of_the_lease(open_session, age):
    age(open_session(status=SessionStatus.PENDING), LEASE + SOON)

    assert reap() == ["0 dead sessions failed."]


def test_lease_and_limit_are_settings(open_session, age, settings):
    settings.WHALEFALL_SESSION_LEASE, settings.WHALEFALL_QUEUE_LIMIT = 1000, 1000
    age(open_session("running"), timedelta(seconds=995))
    age(open_session("queued", status=SessionStatus.PENDING), timedelta(seconds=995))
    assert reap() == ["0 dead sessions failed."]

    settings.WHALEFALL_SESSION_LEASE, settings.WHALEFALL_QUEUE_LIMIT = 990, 990
    assert reap()[-1] == "2 dead sessions failed."


def test_what_was_done_before_the_death_stays(open_session, age, two):
    session = open_session(instances=two)
    first = session.records.get(instance_name="a")
    sync_session_service.complete_instance_records(session, [RecordResult(first.pk, "completed", items_synced=3)])
    age(session, LEASE + SOON)

    reap()

    rows = session.records.order_by("instance_name").values_list("instance_name", "status", "error_code")
    assert list(rows) == [("a", "completed", ""), ("b", "failed", "abandoned")]
    session.refresh_from_db()
    assert (session.successful_instances, session.failed_instances, session.error_code) == (1, 1, "abandoned")
    assert session.error_message == (
        "The process that ran this session has given no sign of life for longer than the lease."
    )


def test_a_sign_of_life_between_the_look_and_the_end_saves_it(open_session, age, monkeypatch):
    session = open_session()
    age(session, LEASE + SOON)

    def wake_up_first(*args, **kwargs):
        SyncSession.objects.update(heartbeat_at=Now())
        return end_session(*args, **kwargs)

    monkeypatch.setattr("sync_sessions.services.end_session", wake_up_first)

    assert reap() == ["0 dead sessions failed."]
    assert states() == {"test": "running"}


def test_an_unfinished_record_keeps_a_shared_session_open(open_session, two):
    session = open_session(instances=two)
    ids = list(session.records.values_list("pk", flat=True))

    assert sync_session_service.finish_if_done(session) is False
    sync_session_service.complete_instance_records(session, [RecordResult(ids[0], "completed")])
    assert sync_session_service.finish_if_done(session) is False
    assert states() == {"test": "running"}

    sync_session_service.complete_instance_records(session, [RecordResult(ids[1], "skipped")])
    assert sync_session_service.finish_if_done(session) is True
    assert states() == {"test": "completed"}


def test_a_shared_session_is_finished_by_one(open_session):
    session, same = open_session(), SyncSession.objects.get()

    assert [sync_session_service.finish_if_done(one) for one in (session, same)] == [True, False]
    assert same.status == "completed"


def test_a_cancelled_shared_session_stays_cancelled(open_session):
    session = open_session()
    sync_session_service.cancel_session(SyncSession.objects.get())

    assert sync_session_service.finish_if_done(session) is False
    assert states() == {"test": "cancelled"}

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from sync_sessions.choices import RecordStatus, SessionStatus
from sync_sessions.ends import end_session
from sync_sessions.errors import SessionAlreadyRunning, SessionFinished, SessionLost
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

service = sync_session_service


@pytest.fixture
def two(django_user_model):
    """Two instances by id and name; any rows will do for the log."""
    from capacity.tests.factories import make_instance

    return [(one.pk, one.name) for one in (make_instance("a"), make_instance("b"))]


def states(session):
    return list(session.records.values_list("instance_name", "status", "error_code"))


def ends(session, status=RecordStatus.COMPLETED, **values):
    return [RecordResult(pk, status, **values) for pk in session.records.values_list("pk", flat=True)]


def test_a_new_session_is_running_with_a_pending_record_per_instance(open_session, two):
    session = open_session(instances=two)
    assert (session.status, session.total_instances) == ("running", 2)
    assert session.started_at == session.heartbeat_at is not None
    assert states(session) == [("a", "pending", ""), ("b", "pending", "")]


def test_the_second_session_of_a_key_is_refused_and_carries_the_first(open_session, two):
    first = open_session("key", two)
    with pytest.raises(SessionAlreadyRunning) as refused:
        open_session("key", two)
    assert refused.value.session == first
    assert str(first.session_id) in str(refused.value)
    assert SyncSession.objects.count() == 1
    assert SyncInstanceRecord.objects.count() == 2


def test_the_database_itself_allows_one_open_session_per_key(open_session):
    first = open_session("key")
    with pytest.raises(IntegrityError), transaction.atomic():
        SyncSession.objects.create(
            sync_type=first.sync_type, sync_category=first.sync_category, lock_key="key", status="pending"
        )


def test_an_ended_session_frees_its_key(open_session):
    service.finish_session(open_session("key"))
    assert open_session("key").status == SessionStatus.RUNNING


def test_an_integrity_error_that_is_no_conflict_of_keys_goes_on(open_session):
    with pytest.raises(IntegrityError):
        open_session(scope="nonsense")


def test_a_pending_session_is_claimed_by_one(open_session):
    session = open_session(status=SessionStatus.PENDING)
    assert session.heartbeat_at is None
    service.claim_session(session, "task-1")
    assert (session.status, session.task_id) == ("running", "task-1")
    assert session.heartbeat_at is not None
    with pytest.raises(SessionFinished):
        service.claim_session(SyncSession.objects.get(), "task-2")
    assert SyncSession.objects.get().task_id == "task-1"


def test_completed_records_add_up_and_complete_the_session(open_session, two):
    session = open_session(instances=two)
    service.start_instance_records(session, list(session.records.values_list("pk", flat=True)))
    assert {status for _n, status, _c in states(session)} == {"running"}
    first, second = ends(session, items_synced=3, items_created=1, items_updated=2, sync_details={"version": 1})
    service.complete_instance_records(session, [first])
    service.complete_instance_records(session, [RecordResult(second.record_id, "skipped", error_code="no_samples")])
    session.refresh_from_db()
    assert (session.successful_instances, session.skipped_instances, session.failed_instances) == (1, 1, 0)
    service.finish_session(session)
    assert (session.status, session.successful_instances, session.skipped_instances) == ("completed", 1, 1)
    assert session.completed_at is not None
    record = session.records.first()
    assert (record.items_synced, record.items_created, record.items_updated) == (3, 1, 2)
    assert record.sync_details == {"version": 1}
    assert record.started_at <= record.completed_at


def test_one_failed_record_fails_the_session(open_session, two):
    session = open_session(instances=two)
    first, second = ends(session)
    service.complete_instance_records(session, [first])
    failed = RecordResult(second.record_id, "failed", error_code="x", error_message="no\x00 password=hunter2")
    service.fail_instance_records(session, [failed])
    service.finish_session(session)
    assert (session.status, session.successful_instances, session.failed_instances) == ("failed", 1, 1)
    assert session.records.get(status="failed").error_message == "no password=****"


def test_a_record_that_nobody_finished_fails_as_missing(open_session, two):
    session = open_session(instances=two)
    service.complete_instance_records(session, ends(session)[:1])
    service.finish_session(session, missing_details={"version": 1, "x": "unknown"})
    assert session.status == "failed"
    assert states(session) == [("a", "completed", ""), ("b", "failed", "result_missing")]
    assert session.records.get(instance_name="b").sync_details == {"version": 1, "x": "unknown"}


def test_an_empty_session_completes(open_session):
    session = open_session()
    service.finish_session(session)
    assert (session.status, session.total_instances) == ("completed", 0)


def test_the_end_of_a_record_is_final(open_session, two):
    session = open_session(instances=two)
    service.complete_instance_records(session, ends(session, items_synced=1))
    service.fail_instance_records(session, ends(session, "failed", items_synced=9))
    assert set(session.records.values_list("status", "items_synced")) == {("completed", 1)}


def test_cancelling_ends_what_is_unfinished_and_keeps_what_is_done(open_session, two):
    session = open_session(instances=two)
    service.complete_instance_records(session, ends(session)[:1])
    service.cancel_session(session)
    assert (session.status, session.successful_instances) == ("cancelled", 1)
    assert states(session) == [("a", "completed", ""), ("b", "cancelled", "")]


def test_a_second_cancel_is_refused(open_session):
    session = open_session()
    service.cancel_session(session)
    with pytest.raises(SessionFinished):
        service.cancel_session(session)
    assert session.status == "cancelled"


@pytest.mark.parametrize("end", ["cancel_session", "finish_session"])
def test_after_its_end_a_session_takes_nothing_more(open_session, two, end):
    session = open_session(instances=two)
    getattr(service, end)(session)
    before = states(session)
    for late in (
        lambda: service.start_instance_records(session, []),
        lambda: service.heartbeat(session),
        lambda: service.complete_instance_records(session, ends(session)),
        lambda: service.fail_instance_records(session, ends(session, "failed")),
        lambda: service.finish_session(session),
    ):
        with pytest.raises(SessionLost):
            late()
    assert service.fail_session(session, "x", "y") is False
    assert states(session) == before


def test_failing_a_session_fails_its_unfinished_records_for_the_same_reason(open_session, two):
    session = open_session(instances=two)
    service.complete_instance_records(session, ends(session)[:1])
    assert service.fail_session(session, "disk_full", RuntimeError("no space")) is True
    assert (session.status, session.error_code, session.error_message) == ("failed", "disk_full", "no space")
    assert states(session) == [("a", "completed", ""), ("b", "failed", "disk_full")]


def test_a_silent_session_is_abandoned_after_its_lease(open_session, two, age, settings):
    session = open_session(instances=two)
    age(session, timedelta(seconds=settings.WHALEFALL_SESSION_LEASE - 5))
    assert service.fail_stale_sessions() == []
    age(session, timedelta(seconds=settings.WHALEFALL_SESSION_LEASE + 1))
    assert service.fail_stale_sessions() == [session]
    assert service.fail_stale_sessions() == []
    session.refresh_from_db()
    assert (session.status, session.error_code) == ("failed", "abandoned")
    assert states(session) == [("a", "failed", "abandoned"), ("b", "failed", "abandoned")]


def test_a_queued_session_that_nobody_picks_up_fails_after_the_queue_limit(open_session, age, settings):
    session = open_session(status=SessionStatus.PENDING)
    age(session, timedelta(seconds=settings.WHALEFALL_QUEUE_LIMIT - 5))
    assert service.fail_stale_sessions() == []
    age(session, timedelta(seconds=settings.WHALEFALL_QUEUE_LIMIT + 1))
    assert service.fail_stale_sessions() == [session]
    session.refresh_from_db()
    assert session.error_code == "never_started"


def test_the_next_starter_takes_over_from_a_dead_session(open_session, age):
    dead = open_session("key")
    age(dead, timedelta(days=1))
    assert open_session("key").status == "running"
    dead.refresh_from_db()
    assert (dead.status, dead.error_code) == ("failed", "abandoned")


def test_a_sign_of_life_between_look_and_update_saves_a_session(open_session, age, monkeypatch):
    session = open_session()
    age(session, timedelta(days=1))

    def wakes_up_first(*args, **options):
        service.heartbeat(session)
        return end_session(*args, **options)

    monkeypatch.setattr("sync_sessions.services.end_session", wakes_up_first)
    assert service.fail_stale_sessions() == []
    session.refresh_from_db()
    assert session.status == "running"


@pytest.mark.parametrize("count", [1, 60])
def test_statements_do_not_grow_with_the_records(open_session, count):
    from capacity.tests.factories import make_instance

    instances = [(one.pk, one.name) for one in (make_instance() for _n in range(count))]
    with CaptureQueriesContext(connection) as queries:
        session = open_session(instances=instances)
        ids = list(session.records.values_list("pk", flat=True))
        service.start_instance_records(session, ids)
        service.complete_instance_records(session, ends(session))
        service.finish_session(session)
    assert len(queries) == 25  # savepoints of the test included


def test_the_snapshot_is_what_the_database_has(open_session, two):
    session = open_session(instances=two, details={"period_type": "daily"})
    service.cancel_session(SyncSession.objects.get())
    shown = service.snapshot(session)
    assert (shown["session_id"], shown["status"]) == (str(session.session_id), "cancelled")
    assert shown["details"] == {"version": 1, "period_type": "daily"}

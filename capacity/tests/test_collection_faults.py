"""A collection that is cancelled, interrupted, or loses its own database."""

import threading

import pytest
from django.db import OperationalError, connection

from capacity.collection import measuring, recording
from capacity.collection.service import CollectionService
from capacity.errors import TimeZoneChanged
from capacity.models import CapacityState, DatabaseSizeStat, DbType, Instance
from capacity.tests.factories import make_instance
from sync_sessions.choices import SyncType
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import SyncSessionService, sync_session_service

from . import servers
from .servers import HOST, MYSQL_PORT, silent_server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def three(my):
    """Three instances of one server, collected in this order when one works."""
    return [make_mariadb(name, my) for name in ("a", "b", "c")]


def make_mariadb(name, my, **fields):
    login = {"username": my["user"], "password": "hunter2"}
    return make_instance(name, **{"db_type": DbType.MYSQL, "host": HOST, "port": MYSQL_PORT, **login, **fields})


def collect(workers=1, sessions=sync_session_service, on_outcome=lambda outcome: None, **timeouts):
    service = CollectionService(workers=workers, sessions=sessions, **timeouts)
    return service.collect(sync_type=SyncType.MANUAL_TASK, on_outcome=on_outcome)


def records():
    rows = SyncInstanceRecord.objects.order_by("instance_name")
    return list(rows.values_list("instance_name", "status", "error_code"))


def stored():
    return sorted(set(DatabaseSizeStat.objects.values_list("instance__name", flat=True)))


def raising(error):
    def on_outcome(outcome):
        raise error

    return on_outcome


def test_each_instance_is_seen_from_elsewhere_as_it_ends(three, elsewhere):
    def look():
        session = SyncSession.objects.get()
        return session.successful_instances, SyncInstanceRecord.objects.filter(status="completed").count()

    seen = []
    collect(on_outcome=lambda outcome: seen.append(elsewhere(look)))

    assert seen == [(1, 1), (2, 2), (3, 3)]


def test_a_cancelled_run_keeps_what_is_done_and_does_no_more(three, elsewhere):
    def cancel(outcome):
        elsewhere(lambda: sync_session_service.cancel_session(SyncSession.objects.get()))

    result = collect(on_outcome=cancel)

    assert result.status == "cancelled"
    assert result.message == "Cancelled after 1 of 3 instances had been collected."
    assert records() == [("a", "completed", ""), ("b", "cancelled", ""), ("c", "cancelled", "")]
    assert stored() == ["a"]
    assert SyncSession.objects.get().status == "cancelled"


def test_an_answer_that_comes_after_the_cancel_is_not_stored(three, elsewhere):
    def cancel(outcome):
        elsewhere(lambda: sync_session_service.cancel_session(SyncSession.objects.get()))

    result = collect(workers=3, on_outcome=cancel)

    assert result.status == "cancelled"
    assert sorted(status for _name, status, _code in records()) == ["cancelled", "cancelled", "completed"]
    assert stored() == [result.outcomes[0].instance_name]


def test_a_run_failed_by_others_stops_and_stays_failed(three, elsewhere):
    def abandon(outcome):
        elsewhere(lambda: sync_session_service.fail_session(SyncSession.objects.get(), "abandoned", "no sign of life"))

    result = collect(on_outcome=abandon)

    assert result.status == "failed"
    assert records() == [("a", "completed", ""), ("b", "failed", "abandoned"), ("c", "failed", "abandoned")]
    assert stored() == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), RuntimeError("boom"), OperationalError("gone")])
def test_an_error_of_the_whole_run_fails_what_is_unfinished_and_goes_on_as_it_is(three, error):
    with pytest.raises(type(error)) as raised:
        collect(on_outcome=raising(error))

    assert raised.value is error
    session = SyncSession.objects.get()
    code = "database_error" if isinstance(error, OperationalError) else "unexpected_error"
    assert (session.status, session.error_code) == ("failed", code)
    assert session.error_message.startswith(type(error).__name__)
    assert records() == [("a", "completed", ""), ("b", "failed", code), ("c", "failed", code)]
    assert error.sync_session_id == session.session_id


def test_an_error_in_a_thread_that_is_no_exception_ends_the_run(three, monkeypatch):
    error = SystemExit(1)

    def measure(*args):
        raise error

    monkeypatch.setattr(measuring, "measure_one", measure)
    with pytest.raises(SystemExit) as raised:
        collect()

    assert raised.value is error
    assert SyncSession.objects.get().status == "failed"


def test_the_error_is_the_one_raised_even_when_it_cannot_be_written_down(three):
    class Broken(SyncSessionService):
        def fail_session(self, session, code, error):
            raise OperationalError("disk full")

    error = RuntimeError("boom")
    with pytest.raises(RuntimeError) as raised:
        collect(sessions=Broken(), on_outcome=raising(error))

    assert raised.value is error


def test_an_unexpected_error_about_one_server_fails_its_record_only(three, monkeypatch, caplog):
    real = measuring.measure_one

    def measure(source, stop):
        if source.port == 1:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        return real(source, stop)

    monkeypatch.setattr(measuring, "measure_one", measure)
    Instance.objects.filter(name="b").update(port=1)
    collect()

    assert records() == [("a", "completed", ""), ("b", "failed", "unexpected_error"), ("c", "completed", "")]
    assert "UnicodeDecodeError" in caplog.text


def test_a_moment_without_the_database_is_survived(three, monkeypatch):
    real, failures = recording.ingest, [OperationalError("database is locked")]

    def ingest(samples, **options):
        if failures:
            raise failures.pop()
        return real(samples, **options)

    monkeypatch.setattr(recording, "ingest", ingest)
    collect()

    assert not failures
    assert stored() == ["a", "b", "c"]


@pytest.mark.postgresql
def test_a_connection_that_the_own_database_ends_is_made_anew(three):
    def end_connection(outcome):
        if outcome.instance_name == "a":
            servers.postgresql(f"SELECT pg_terminate_backend({connection.connection.info.backend_pid})")

    result = collect(on_outcome=end_connection)

    assert result.status == "completed"
    assert stored() == ["a", "b", "c"]


def test_days_made_in_another_time_zone_end_the_run(three):
    CapacityState.objects.create(pk=1, time_zone="Europe/Berlin")

    with pytest.raises(TimeZoneChanged):
        collect()

    assert SyncSession.objects.get().error_code == "time_zone_changed"
    assert stored() == []


def test_the_heartbeat_moves_while_no_server_answers(settings, my):
    settings.WHALEFALL_SESSION_LEASE = 3  # so every half second
    beats = []

    class Counted(SyncSessionService):
        def heartbeat(self, session, **counts):
            beats.append(counts)
            super().heartbeat(session, **counts)

    with silent_server() as port:
        make_mariadb("silent", my, port=port)
        collect(sessions=Counted(), connect_timeout=1.8)

    # One as the record starts, one as it ends, and those in between.
    assert len([counts for counts in beats if not counts]) >= 1 + 3


def test_threads_are_told_when_the_run_has_ended(three, monkeypatch):
    events = []

    def measure(source, stop):
        events.append(stop)
        raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "measure_one", measure)
    with pytest.raises(KeyboardInterrupt):
        collect()

    assert [event.is_set() for event in events] == [True]


def test_an_instance_deleted_right_after_the_start_ends_without_a_result(three):
    class Deleted(SyncSessionService):
        def create_session(self, **fields):
            session = super().create_session(**fields)
            Instance.objects.filter(name="b").delete()
            return session

    collect(sessions=Deleted())

    assert records() == [("a", "completed", ""), ("b", "failed", "result_missing"), ("c", "completed", "")]


def test_an_instance_deleted_before_its_turn_is_skipped(three, elsewhere):
    collect(on_outcome=lambda outcome: elsewhere(lambda: Instance.objects.filter(name="b").delete()))

    assert records() == [("a", "completed", ""), ("b", "skipped", "instance_deleted"), ("c", "completed", "")]


def test_an_instance_deleted_while_it_is_measured_fails(three, elsewhere):
    def delete_others(outcome):
        elsewhere(lambda: Instance.objects.exclude(pk=outcome.instance_id).filter(samples=None).delete())

    result = collect(workers=3, on_outcome=delete_others)

    first = result.outcomes[0].instance_name
    others = [row for row in records() if row[0] != first]
    assert [(status, code) for _name, status, code in others] == [("failed", "samples_rejected")] * 2
    assert stored() == [first]


def test_an_instance_deactivated_before_its_turn_is_skipped(three, elsewhere):
    def deactivate(outcome):
        elsewhere(lambda: Instance.objects.filter(name="b").update(is_active=False))

    collect(on_outcome=deactivate)

    assert records() == [("a", "completed", ""), ("b", "skipped", "instance_inactive"), ("c", "completed", "")]


def test_a_cancelled_run_does_not_wait_for_a_server_that_hangs(settings, my, elsewhere):
    settings.WHALEFALL_SESSION_LEASE = 3  # so that the cancel is noticed within half a second

    def cancel(outcome):
        elsewhere(lambda: sync_session_service.cancel_session(SyncSession.objects.get()))

    before = set(threading.enumerate())
    with silent_server() as port:
        make_mariadb("a", my)
        make_mariadb("hangs", my, port=port)
        result = collect(workers=2, on_outcome=cancel, connect_timeout=60)
        still_measuring = {one for one in threading.enumerate() if one.name.startswith("collect")} - before
        for thread in still_measuring:
            thread.join(2)  # it was hung up, long before its time was over

    assert result.status == "cancelled"
    assert not [thread for thread in still_measuring if thread.is_alive()]
    assert [row[:2] for row in records()] == [("a", "completed"), ("hangs", "cancelled")]

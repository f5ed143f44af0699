"""A collection that workers share: its session, its batches, its end."""

import json

import pytest
from celery import current_app
from django.db import OperationalError
from structlog.testing import capture_logs

from capacity import tasks
from capacity.collection.recording import CollectionRun
from capacity.collection.service import CollectionService, collect_batch, collect_fleet
from capacity.models import Instance
from capacity.runs import life
from capacity.tests.factories import make_instance
from capacity.tests.servers import HOST, closed_port
from sync_sessions.errors import SessionAlreadyRunning
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .seen import measured, outcomes, records, status

pytestmark = [pytest.mark.live, pytest.mark.django_db]


def test_the_active_instances_with_a_host_are_queued_in_batches_of_a_pending_session(fleet):
    make_instance("pushed only")
    make_instance("inactive", host=HOST, is_active=False)
    queue = []

    session = CollectionService().start(lambda *batch: queue.append(batch), sync_type="scheduled_task", task_id="t-1")

    pks = [one.pk for one in fleet]
    assert queue == [(str(session.session_id), ids) for ids in (pks[:2], pks[2:4], pks[4:])]
    assert (session.status, session.total_instances, session.heartbeat_at) == ("pending", 5, None)
    assert (session.lock_key, session.sync_type) == ("capacity:collection", "scheduled_task")
    assert session.task_id == "t-1"
    assert records() == [(one.name, "pending") for one in fleet]


def test_the_session_is_there_before_its_first_batch_is_queued(fleet):
    seen = []

    def look(session_id, _ids):
        seen.append(str(SyncSession.objects.get().session_id) == session_id)

    CollectionService().start(look, sync_type="scheduled_task")

    assert seen == [True] * 3


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_first_batch_to_come_starts_the_session_and_the_last_one_ends_it(batches, order):
    states = []
    for number in order:
        CollectionService().collect_batch(*batches[number])
        states.append(status())

    assert states == ["running", "running", "completed"]
    session = SyncSession.objects.get()
    assert (session.successful_instances, session.failed_instances) == (5, 0)
    assert session.started_at <= session.completed_at
    assert measured() == {f"pg-{n}": 1 for n in range(5)}


def test_a_batch_collects_from_its_own_instances_alone(batches):
    assert sorted(outcomes(batches[1])) == ["pg-2", "pg-3"]
    assert measured() == {"pg-2": 1, "pg-3": 1}


def test_one_failed_instance_fails_the_session_at_its_end(batches, fleet):
    Instance.objects.filter(pk=fleet[0].pk).update(port=closed_port())

    for batch in batches:
        CollectionService().collect_batch(*batch)

    assert (status(), records()[0]) == ("failed", ("pg-0", "failed refused"))
    assert len(measured()) == 4


def test_a_batch_delivered_twice_does_its_work_once(batches):
    first, second = outcomes(batches[0]), outcomes(batches[0])
    assert (len(first), second, status()) == (2, [], "running")
    for batch in batches[1:]:
        outcomes(batch)

    assert [outcomes(batch) for batch in batches] == [[], [], []]
    assert measured() == {f"pg-{n}": 1 for n in range(5)}
    assert status() == "completed"


def test_a_batch_whose_worker_died_is_taken_up_where_it_stood(batches, monkeypatch):
    real = CollectionRun._take

    def die(self, instance, future):
        real(self, instance, future)
        raise SystemExit  # after the first of the two

    with monkeypatch.context() as patch:
        patch.setattr(CollectionRun, "_take", die)
        patch.setattr(life, "_fail", lambda run, error: None)  # the dead tell nobody
        with pytest.raises(SystemExit):
            outcomes(batches[0])
    assert len(measured()) == 1

    assert len(outcomes(batches[0])) == 1
    assert measured() == {"pg-0": 1, "pg-1": 1}


def test_an_instance_deleted_before_its_batch_keeps_nobody_waiting(batches, fleet):
    fleet[4].delete()
    outcomes(batches[0])
    assert status() == "running"

    outcomes(batches[1])

    assert (status(), records()[4]) == ("failed", ("pg-4", "failed result_missing"))
    assert outcomes(batches[2]) == []


def test_a_batch_of_deleted_instances_leaves_the_others_their_turn(batches, fleet):
    fleet[4].delete()

    assert (outcomes(batches[2]), status()) == ([], "running")
    outcomes(batches[0])
    outcomes(batches[1])
    assert (status(), len(measured())) == ("failed", 4)


def test_an_instance_deactivated_meanwhile_is_skipped(batches, fleet):
    Instance.objects.filter(pk=fleet[4].pk).update(is_active=False)

    for batch in batches:
        outcomes(batch)

    assert (status(), records()[4]) == ("completed", ("pg-4", "skipped instance_inactive"))


@pytest.mark.parametrize("failing", [0, 1])
def test_a_batch_that_cannot_be_queued_fails_the_session_and_what_was_queued_does_nothing(fleet, failing):
    queue, error = [], ConnectionError("redis://:hunter2@broker is down")

    def dispatch(*batch):
        if len(queue) == failing:
            raise error
        queue.append(batch)

    with pytest.raises(ConnectionError) as raised:
        CollectionService().start(dispatch, sync_type="scheduled_task")

    assert raised.value is error
    session = SyncSession.objects.get()
    assert (session.status, session.error_code) == ("failed", "unexpected_error")
    assert session.error_message == "ConnectionError: redis://:****@broker is down"
    assert {word for _name, word in records()} == {"failed unexpected_error"}
    assert [outcomes(batch) for batch in queue] == [[]] * failing
    assert measured() == {}


def test_what_ends_a_batch_ends_the_session(batches, monkeypatch):
    error = OperationalError("database or disk is full")

    def full(self, instance, measurement):
        raise error

    monkeypatch.setattr(CollectionRun, "_store", full)

    with pytest.raises(OperationalError) as raised:
        outcomes(batches[0])

    assert raised.value is error
    assert (status(), {word for _name, word in records()}) == ("failed", {"failed database_error"})
    assert outcomes(batches[1]) == []


@pytest.mark.parametrize("end", ["cancel_session", "finish_session"])
def test_a_batch_of_a_session_that_has_ended_measures_nothing(batches, end):
    session = SyncSession.objects.get()
    if end == "finish_session":
        sync_session_service.claim_session(session)
    getattr(sync_session_service, end)(session)
    before = records()

    assert [outcomes(batch) for batch in batches] == [[], [], []]
    assert (records(), measured()) == (before, {})


def test_without_an_instance_to_collect_the_session_completes_and_nothing_is_queued():
    make_instance("pushed only")

    session = CollectionService().start(lambda *batch: pytest.fail("queued"), sync_type="scheduled_task")

    assert (session.status, session.total_instances) == ("completed", 0)


def test_a_second_collection_is_busy_and_asks_to_come_again(batches):
    with pytest.raises(SessionAlreadyRunning):
        CollectionService().start(lambda *batch: pytest.fail("queued"), sync_type="scheduled_task")
    with capture_logs() as logs:
        result = collect_fleet(lambda *batch: pytest.fail("queued"))

    assert (result["status"], result["error_class"], result["retry_after"]) == ("skipped", "busy", 120)
    assert "A run of the same kind is queued" in result["message"]
    assert [(line["log_level"], line["event"], line["kind"]) for line in logs] == [
        ("warning", "collection.not_started", "busy")
    ]
    assert SyncSession.objects.count() == 1


def test_the_database_not_answering_for_a_moment_is_tried_again_and_anything_else_is_raised(fleet):
    def locked(*batch):
        raise OperationalError("database is locked")

    def broken(*batch):
        raise ConnectionError("no broker")

    result = collect_fleet(locked)
    assert (result["status"], result["error_class"], result["retry_after"]) == ("skipped", "transient", 30)
    with pytest.raises(ConnectionError):
        collect_fleet(broken)


@pytest.fixture
def _queue_at_once():
    """What is queued is done before anything else."""
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = False


def test_the_tasks_share_the_work_and_tell_what_they_did(fleet, _queue_at_once):
    make_instance("down", host=HOST, port=closed_port(), username="x")

    with capture_logs() as logs:
        result = tasks.collect_capacity.apply(task_id="t-1").get()

    session = SyncSession.objects.get()
    assert json.loads(json.dumps(result)) == {
        "status": "pending",
        "session_id": str(session.session_id),
        "instances": 6,
    }
    assert (session.status, session.task_id, session.successful_instances) == ("failed", "t-1", 5)
    ends = [(line["status"], line["instances"]) for line in logs if line["event"] == "collection.batch_ended"]
    assert ends == [("running", 2), ("running", 2), ("failed", 2)]


def test_the_result_of_a_batch_is_json(batches):
    result = collect_batch(*batches[2])

    assert json.loads(json.dumps(result)) == {"status": "running", "session_id": batches[2][0], "instances": 1}

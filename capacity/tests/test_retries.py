"""Running again the failed and cancelled instances of a session, through the one function of all doors."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.functions import Now

from capacity.aggregation.current import CurrentAggregationService
from capacity.aggregation.service import AggregationService
from capacity.collection.service import CollectionService
from capacity.errors import AggregationDisabled, QueueUnavailable
from capacity.models import Instance, InstanceSizeAggregation
from capacity.tests.factories import make_instance
from capacity.tests.samples import make_fleet, run, the, when_chunk
from capacity.tests.servers import HOST, POSTGRESQL_PORT, closed_port
from sync_sessions.errors import SessionAlreadyRunning, SessionNotRetryable
from sync_sessions.models import SyncSession
from sync_sessions.retries import retry_session
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

WEEK = the("weekly", "2025-06-25")


@pytest.fixture
def fleet():
    return make_fleet(3, "2025-06-25")


@pytest.fixture
def failed(fleet, raising, monkeypatch):
    """A weekly session over the fleet whose second and third instance failed; they would succeed now."""
    raising({fleet[1]: ValueError("odd"), fleet[2]: ValueError("odd")})
    session = run(WEEK, "database", requested_period_type="Weekly").session
    monkeypatch.undo()
    return session


def retry(session, user=None, queue=False):
    return retry_session(session, created_by=user, queue=queue)


def names(session):
    return list(session.records.order_by("instance_name").values_list("instance_name", "status"))


def test_the_failed_ones_alone_run_again_for_the_same_period_and_scope(failed, admin_user):
    assert names(failed) == [("fleet-000", "completed"), ("fleet-001", "failed"), ("fleet-002", "failed")]
    new = retry(failed, admin_user)
    assert names(new) == [("fleet-001", "completed"), ("fleet-002", "completed")]
    assert (new.status, new.scope, new.sync_type) == ("completed", "database", "manual_batch")
    assert new.created_by == admin_user
    assert new.details == {**failed.details, "retry_of": str(failed.session_id), "selected": 2}
    assert new.details["requested_period_type"] == "Weekly"
    assert not InstanceSizeAggregation.objects.exists()


def test_the_history_of_the_old_session_says_who_ran_it_again(failed, admin_user):
    new = retry(failed, admin_user)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (admin_user, str(failed.pk))
    assert entry.get_change_message() == f"Run again in session {new.session_id}."


def test_one_instance_is_a_run_of_its_own_key(failed, fleet):
    Instance.objects.filter(pk=fleet[1].pk).update(is_active=False)
    new = retry(failed)
    assert names(new) == [("fleet-002", "completed")]
    assert (new.sync_type, new.lock_key) == ("manual_single", f"aggregation:weekly:{fleet[2].pk}")


def test_cancelled_ones_run_again_and_deleted_ones_do_not(fleet, settings):
    settings.WHALEFALL_CHUNK_SIZE = 1
    cancel = when_chunk(2, lambda: sync_session_service.cancel_session(SyncSession.objects.get()))
    session = run(WEEK, listeners=cancel).session
    assert names(session) == [("fleet-000", "completed"), ("fleet-001", "cancelled"), ("fleet-002", "cancelled")]
    session.records.filter(instance=fleet[1]).update(instance=None)
    assert names(retry(session)) == [("fleet-002", "completed")]


def test_a_run_that_failed_as_a_whole_runs_again_with_all_that_was_unfinished(fleet, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("broken")

    with monkeypatch.context() as broken:
        broken.setattr(AggregationService, "calculate_weekly_aggregations", fail)
        with pytest.raises(RuntimeError):
            run(WEEK)
    assert len(names(retry(SyncSession.objects.get()))) == 3


@pytest.mark.parametrize("status", ["pending", "running"])
def test_an_open_session_is_not_run_again(failed, status):
    SyncSession.objects.filter(pk=failed.pk).update(status=status, heartbeat_at=Now() + timedelta(hours=1))
    failed.refresh_from_db()
    with pytest.raises(SessionNotRetryable, match="wait for its end, or cancel it"):
        retry(failed)
    assert SyncSession.objects.count() == 1


def test_a_session_without_a_failure_is_not_run_again(fleet):
    with pytest.raises(SessionNotRetryable, match="has nothing to run again"):
        retry(run(WEEK).session)


def test_nor_one_whose_failed_instances_are_inactive_now(failed):
    Instance.objects.update(is_active=False)
    with pytest.raises(SessionNotRetryable, match="has nothing to run again"):
        retry(failed)
    assert not LogEntry.objects.exists()


def test_nor_one_of_a_kind_that_nobody_knows_how_to_run(failed):
    failed.sync_category = "account"
    with pytest.raises(SessionNotRetryable, match="of a kind that cannot be run again"):
        retry(failed)


def test_a_run_of_the_same_kind_keeps_it_out(failed):
    other = sync_session_service.create_session(
        sync_type="manual_task", sync_category="aggregation", lock_key="aggregation:weekly"
    )
    with pytest.raises(SessionAlreadyRunning) as busy:
        retry(failed)
    assert busy.value.session == other


def test_switched_off_nothing_is_run_again(failed, settings):
    settings.WHALEFALL_AGGREGATION_ENABLED = False
    with pytest.raises(AggregationDisabled):
        retry(failed)
    assert SyncSession.objects.count() == 1


def test_with_a_queue_a_worker_runs_it(failed, queued, admin_user):
    new = retry(failed, admin_user, queue=True)
    assert (new.status, new.created_by) == ("pending", admin_user)
    assert queued == [("capacity.aggregate_current", str(new.session_id))]
    assert CurrentAggregationService().run_queued(str(new.session_id))["period_type"] == "weekly"
    assert names(new) == [("fleet-001", "completed"), ("fleet-002", "completed")]


def test_a_queue_that_is_down_leaves_nothing_open(failed, broker_down, admin_user):
    with pytest.raises(QueueUnavailable):
        retry(failed, admin_user, queue=True)
    new = SyncSession.objects.latest("id")
    assert (new.status, new.error_code, new.error_message) == (
        "failed",
        "broker_unavailable",
        "the queue did not take the run; check that Redis runs",
    )
    assert not LogEntry.objects.exists()


@pytest.fixture
def unreachable():
    """A collection in which nothing listened at one of two servers; it does now."""
    make_instance("good", host=HOST, port=POSTGRESQL_PORT, username="postgres")
    bad = make_instance("bad", host=HOST, port=closed_port(), username="postgres")
    session = CollectionService().collect(sync_type="manual_task").session
    assert names(session) == [("bad", "failed"), ("good", "completed")]
    Instance.objects.filter(pk=bad.pk).update(port=POSTGRESQL_PORT)
    return session


@pytest.mark.live
def test_a_collection_measures_the_failed_servers_again(unreachable, admin_user):
    new = retry(unreachable, admin_user)
    assert names(new) == [("bad", "completed")]
    assert (new.sync_category, new.sync_type, new.created_by) == ("capacity", "manual_single", admin_user)
    assert new.details == {"version": 1, "retry_of": str(unreachable.session_id), "selected": 1}


@pytest.mark.live
def test_a_queued_collection_measures_them_in_a_worker(unreachable, queued):
    new = retry(unreachable, queue=True)
    [(task, session_id, ids)] = queued
    assert (new.status, task, session_id) == ("pending", "capacity.collect_capacity_batch", str(new.session_id))
    CollectionService().collect_batch(session_id, ids)
    assert names(new) == [("bad", "completed")]


@pytest.mark.live
def test_a_collection_that_the_queue_does_not_take_is_failed(unreachable, broker_down):
    with pytest.raises(QueueUnavailable):
        retry(unreachable, queue=True)
    assert SyncSession.objects.latest("id").error_code == "broker_unavailable"
    assert not SyncSession.objects.open().exists()

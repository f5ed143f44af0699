"""`POST sync-sessions/{session_id}/retry/` of a run of the aggregation; the rules are in test_retries."""

import pytest
from django.contrib.admin.models import LogEntry

from capacity.tests.samples import make_fleet, run, the
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

WEEK = the("weekly", "2025-06-25")


@pytest.fixture
def failed(raising, monkeypatch):
    fleet = make_fleet(3, "2025-06-25")
    raising({fleet[1]: ValueError("odd")})
    session = run(WEEK).session
    monkeypatch.undo()
    return session


def retry(api, session, body=None, **headers):
    return api.post(f"/api/v1/sync-sessions/{session.session_id}/retry/", body, headers=headers)


def test_the_failed_instance_runs_again_in_a_new_session(api, operator, failed):
    answer = retry(api, failed, {})
    new = SyncSession.objects.latest("id")
    assert (answer.status_code, answer.json()) == (200, sync_session_service.snapshot(new))
    assert (new.status, new.total_instances, new.created_by) == ("completed", 1, operator)
    assert new.details["retry_of"] == str(failed.session_id)
    assert answer["Location"] == f"http://testserver/api/v1/sync-sessions/{new.session_id}/"
    assert not answer.has_header("Preference-Applied")
    assert LogEntry.objects.get().object_id == str(failed.pk)


def test_with_a_broker_a_worker_runs_it(api, failed, queued):
    answer = retry(api, failed, Prefer="respond-async")
    new = SyncSession.objects.latest("id")
    assert (answer.status_code, answer.json()) == (202, sync_session_service.snapshot(new))
    assert (new.status, answer["Preference-Applied"], answer["Retry-After"]) == ("pending", "respond-async", "2")
    assert api.get(answer["Location"]).json() == answer.json()
    assert queued == [("capacity.aggregate_current", str(new.session_id))]


def test_a_broker_that_is_down_is_a_503_and_leaves_nothing_open(api, failed, broker_down):
    answer = retry(api, failed, Prefer="respond-async")
    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
    assert answer.json()["session"]["session_id"] == str(SyncSession.objects.latest("id").session_id)
    assert not SyncSession.objects.open().exists()


def test_a_run_under_way_is_a_409_with_its_link(api, failed):
    other = sync_session_service.create_session(
        sync_type="manual_single",
        sync_category="aggregation",
        lock_key=f"aggregation:weekly:{failed.records.get(status='failed').instance_id}",
    )
    answer = retry(api, failed)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_running")
    assert answer.json()["session"]["session_id"] == str(other.session_id)


def test_nothing_to_run_again_is_a_409(api, failed):
    session = SyncSession.objects.get(session_id=retry(api, failed).json()["session_id"])
    answer = retry(api, session)
    assert (answer.status_code, answer.json()["code"]) == (409, "session_not_retryable")
    assert "has nothing to run again" in answer.json()["detail"]
    assert SyncSession.objects.count() == 2


def test_an_open_one_is_a_409(api, failed):
    SyncSession.objects.filter(pk=failed.pk).update(status="pending")
    answer = retry(api, failed)
    assert (answer.status_code, answer.json()["code"]) == (409, "session_not_retryable")
    assert answer.json()["session"]["session_id"] == str(failed.session_id)


def test_switched_off_is_a_503(api, failed, settings):
    settings.WHALEFALL_AGGREGATION_ENABLED = False
    answer = retry(api, failed)
    assert (answer.status_code, answer.json()["code"]) == (503, "aggregation_disabled")
    assert SyncSession.objects.count() == 1


def test_a_body_that_it_does_not_know_is_a_400(api, failed):
    assert retry(api, failed, {"instances": [1]}).status_code == 400
    assert SyncSession.objects.count() == 1

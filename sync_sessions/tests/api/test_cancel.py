"""`POST sync-sessions/{session_id}/cancel/`, and who may cancel and run again."""

import uuid

import pytest
from django.contrib.admin.models import LogEntry

from capacity.tests.factories import make_instance
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(client_with):
    return client_with("view_syncsession", "cancel_syncsession")


def post(api, session, action="cancel", body=None):
    return api.post(f"/api/v1/sync-sessions/{session.session_id}/{action}/", body)


@pytest.mark.parametrize("body", [None, {}])
@pytest.mark.parametrize("status", ["pending", "running"])
def test_an_open_session_is_cancelled_and_the_history_says_so(api, open_session, status, body):
    session = open_session(instances=[(make_instance().pk, "pg")], status=status)
    answer = post(api, session, body=body)
    assert answer.status_code == 200
    assert answer.json() == sync_session_service.snapshot(session)
    assert answer.json()["status"] == "cancelled"
    assert list(session.records.values_list("status", flat=True)) == ["cancelled"]
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.user.username) == (str(session.pk), "view_syncsession-cancel_syncsession")
    assert entry.get_change_message() == "Cancelled."


def test_a_second_cancel_is_a_409_and_it_stays_cancelled(api, open_session):
    session = open_session()
    post(api, session)
    answer = post(api, session)
    assert (answer.status_code, answer.json()["code"]) == (409, "session_finished")
    assert answer.json()["session"]["session_id"] == str(session.session_id)
    assert SyncSession.objects.get().status == "cancelled"
    assert LogEntry.objects.count() == 1


def test_an_ended_session_stays_as_it_ended(api, open_session):
    session = open_session()
    sync_session_service.finish_session(session)
    assert post(api, session).json()["code"] == "session_finished"
    assert SyncSession.objects.get().status == "completed"


@pytest.mark.parametrize("body", [{"force": True}, []])
def test_a_body_that_it_does_not_know_is_a_400(api, open_session, body):
    session = open_session()
    assert post(api, session, body=body).status_code == 400
    assert SyncSession.objects.get().status == "running"


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_an_unknown_session_is_a_404(client_with, action):
    api = client_with("cancel_syncsession", "trigger_aggregation")
    answer = api.post(f"/api/v1/sync-sessions/{uuid.uuid4()}/{action}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


NEEDED = [
    ("get", "", "view_syncsession", 200),
    ("get", "records/", "view_syncsession", 200),
    ("post", "cancel/", "cancel_syncsession", 200),
    ("post", "retry/", "trigger_aggregation", 409),  # it is open
]


@pytest.mark.parametrize(("method", "path", "needed", "status"), NEEDED)
def test_each_action_needs_its_own_permission(client_with, open_session, method, path, needed, status):
    url = f"/api/v1/sync-sessions/{open_session().session_id}/{path}"
    others = {permission for _method, _path, permission, _status in NEEDED} - {needed}
    assert getattr(client_with(*others), method)(url).status_code == 403
    assert SyncSession.objects.get().status == "running"
    assert getattr(client_with(needed), method)(url).status_code == status


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_only_post_acts(admin_client, open_session, action):
    assert admin_client.get(f"/api/v1/sync-sessions/{open_session().session_id}/{action}/").status_code == 405

import uuid
from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client_with):
    return client_with("view_syncsession")


def test_a_session_is_shown_as_its_snapshot(viewer, open_session):
    session = open_session()
    answer = viewer.get(f"/api/v1/sync-sessions/{session.session_id}/")
    assert answer.status_code == 200
    assert answer.json() == sync_session_service.snapshot(session)


def test_a_dead_session_is_shown_as_failed(viewer, open_session, age):
    session = open_session()
    age(session, timedelta(days=1))
    shown = viewer.get(f"/api/v1/sync-sessions/{session.session_id}/").json()
    assert (shown["status"], shown["error_code"]) == ("failed", "abandoned")


def test_an_unknown_session_is_a_404_problem(viewer):
    answer = viewer.get(f"/api/v1/sync-sessions/{uuid.uuid4()}/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


def test_who_is_not_logged_in_gets_401_and_who_may_not_403(open_session, django_user_model):
    url = f"/api/v1/sync-sessions/{open_session().session_id}/"
    assert APIClient().get(url).status_code == 401
    client = APIClient()
    client.force_login(django_user_model.objects.create_user("nobody"))
    assert client.get(url).status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nobody_changes_a_session(admin_user, open_session, method):
    client = APIClient()
    client.force_login(admin_user)
    answer = getattr(client, method)(f"/api/v1/sync-sessions/{open_session().session_id}/")
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["sync-sessions/abc/", "sync-sessions", "sync-sessions/1/cancel/", "nonsense/"])
def test_an_address_that_is_none_is_a_404_problem_too(viewer, path):
    for answer in (viewer.get(f"/api/v1/{path}"), viewer.post(f"/api/v1/{path}")):
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
        assert answer.json()["code"] == "not_found"

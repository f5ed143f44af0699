"""Texts of servers, drivers and databases are for staff; who is not is told the sentence of the code."""

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from capacity.aggregation.runners import DatabaseAggregationRunner
from capacity.runs import queueing
from capacity.tests.factories import make_instance
from capacity.tests.servers import HOST, closed_port
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

SESSIONS = "/api/v1/sync-sessions/"
RUNS = "/api/v1/capacity/aggregations/"
SECRET = 'could not connect to "db1.internal" (10.0.0.5): INSERT INTO instances'
UNEXPECTED = "Something unexpected happened; the log of the process has more."


def make_staff():
    """Of everybody, from the next request on."""
    User.objects.update(is_staff=True)


def asking(session_id):
    return f"The reason is for staff: ask them, with the session id {session_id}."


def details(text, status="failed"):
    """`sync_details` with that text wherever one may stand."""
    return {
        "version": 1,
        "engine": "postgresql",
        "aggregation_result": {"status": status, "message": text, "error": text, "errors": [text]},
        "not_sized": [{"database": "sales", "reason": text}],
        "notes": [text],
    }


@pytest.fixture
def failed():
    """A session that failed, with a record that did, for the reason of this code; all texts are secret."""

    def make(code):
        session = sync_session_service.create_session(
            sync_type="manual_task",
            sync_category="other",
            lock_key="x",
            instances=[(make_instance("pg-1", host="db1.internal").pk, "pg-1")],
        )
        [record] = sync_session_service.record_ids(session).values()
        result = RecordResult(record, "failed", error_code=code, error_message=SECRET, sync_details=details(SECRET))
        sync_session_service.fail_instance_records(session, [result])
        sync_session_service.fail_session(session, code, SECRET)
        return session

    return make


def told(client, session, language):
    """What the list, the session itself and its record say of the error; the first two must be the same."""
    headers = {"Accept-Language": language}
    url = f"{SESSIONS}{session.session_id}/"
    [listed] = client.get(SESSIONS, headers=headers).json()["results"]
    [record] = client.get(f"{url}records/", headers=headers).json()["results"]
    assert listed == client.get(url, headers=headers).json()
    return listed["error_message"], record["error_message"], record["sync_details"]


@pytest.mark.parametrize("role", ["viewer", "operator"])
@pytest.mark.parametrize(
    ("code", "language", "sentence"),
    [
        ("refused", "en", "The server refuses connections."),
        ("refused", "zh-hans", "服务器拒绝连接。"),
        ("no_samples", "en", "no samples in the period"),
        ("unexpected_error", "en", UNEXPECTED),
        ("odd", "en", None),
        ("", "en", None),
    ],
)
def test_a_session_and_its_records_tell_the_sentence_of_the_code(as_role, failed, role, code, language, sentence):
    session, client = failed(code), as_role(role)
    sentence = sentence or asking(session.session_id)
    assert told(client, session, language) == (sentence, sentence, details(sentence))
    make_staff()
    assert told(client, session, language) == (SECRET, SECRET, details(SECRET))


def test_where_nothing_is_stored_nothing_is_told(as_role, failed):
    session = failed("refused")
    SyncSession.objects.update(error_message="")
    SyncInstanceRecord.objects.update(error_message="", sync_details={"version": 1, "notes": []})
    assert told(as_role("viewer"), session, "en") == ("", "", {"version": 1, "notes": []})


def test_the_inventory_hides_from_whom_what_errors_hide(as_role, failed):
    failed("refused")
    shown = {
        role: set(as_role(role).get("/api/v1/instances/").json()["results"][0]) & {"host", "port", "username"}
        for role in ("viewer", "operator", "administrator")
    }
    assert shown == {"viewer": set(), "operator": set(), "administrator": {"host", "port", "username"}}
    make_staff()
    user = User.objects.get(username="viewer")
    client = APIClient()
    client.force_authenticate(user)
    assert client.get("/api/v1/instances/").json()["results"][0]["host"] == "db1.internal"


@pytest.mark.parametrize(("path", "body"), [("current/", {}), ("runs/", {"periods": ["weekly"]})])
def test_a_run_tells_its_errors_by_their_codes(as_role, monkeypatch, path, body):
    make_instance("pg-1")

    def fail(*args):
        raise ValueError(SECRET)

    monkeypatch.setattr(DatabaseAggregationRunner, "run", fail)
    client = as_role("operator")

    def run():
        answer = client.post(f"{RUNS}{path}", body).json()
        result = answer["runs"][0] if "runs" in answer else answer
        assert result["message"] == "0 of 1 instance aggregated, 0 skipped, 1 failed."
        return result["errors"]

    assert run() == [f"pg-1: {UNEXPECTED}"]
    make_staff()
    assert run() == [f"pg-1: ValueError: {SECRET}"]


def test_a_collection_tells_its_reasons_by_their_codes(as_role):
    port = closed_port()
    server = make_instance("away", host=HOST, port=port, username="u")
    client = as_role("operator")

    def reason():
        answer = client.post(f"/api/v1/instances/{server.pk}/collect/").json()
        assert answer["message"] == "0 of 1 instance collected, 1 failed, 0 skipped."
        return answer["instances"][0]["reason"]

    assert reason() == "The server refuses connections."
    make_staff()
    assert reason() == f"Port {port} of {HOST} refuses connections: is the server running, and is the port right?"


def test_a_session_in_another_answer_is_told_so_too(as_role, queued_with_an_error):
    client = as_role("operator")
    answer = client.post(f"{RUNS}current/", headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.json()["error_message"]) == (202, "The server refuses connections.")
    make_staff()
    SyncSession.objects.all().delete()
    assert client.post(f"{RUNS}current/", headers={"Prefer": "respond-async"}).json()["error_message"] == SECRET


@pytest.fixture
def queued_with_an_error(settings, monkeypatch):
    """With a broker; a worker has failed each session before the door that queues it answers."""
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"

    def fail(session_id):
        sync_session_service.fail_session(SyncSession.objects.get(session_id=session_id), "refused", SECRET)

    monkeypatch.setattr(queueing, "send_aggregation", fail)

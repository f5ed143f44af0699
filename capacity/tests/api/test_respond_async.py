"""`Prefer: respond-async` queues the run. The broker is the real Redis; rows by a worker are in the fault harness."""

import json
import socket
from base64 import b64decode

import pytest
from redis import Redis

from capacity.aggregation.current import CurrentAggregationService
from capacity.collection.ingest import ingest
from capacity.models import DatabaseSizeAggregation
from capacity.tests.factories import a_sample, make_instance
from sync_sessions.models import SyncSession
from whalefall.tests.brokers import redis_database

pytestmark = pytest.mark.django_db

URL = "/api/v1/capacity/aggregations/current/"


@pytest.mark.parametrize("prefer", ["respond-async", "wait=10, Respond-Async; foo=bar"])
def test_the_run_is_queued_and_its_session_is_where_location_says(api, queued, prefer):
    make_instance()
    answer = api.post(URL, {"scope": "database"}, headers={"Prefer": prefer})
    session = SyncSession.objects.get()
    assert (answer.status_code, session.status, session.scope) == (202, "pending", "database")
    assert queued == [("capacity.aggregate_current", str(session.session_id))]
    assert answer["Preference-Applied"] == "respond-async"
    assert answer["Retry-After"] == "2"
    assert answer.json()["session_id"] == str(session.session_id)
    assert api.get(answer["Location"]).json()["status"] == "pending"
    assert list(session.records.values_list("status", flat=True)) == ["pending"]


def test_the_worker_does_what_was_queued_once(api, queued):
    instance = make_instance()
    ingest([a_sample(instance)])
    api.post(URL, headers={"Prefer": "respond-async"})
    [[_task, session_id]] = queued
    assert CurrentAggregationService().run_queued(session_id)["status"] in ("completed", "skipped")
    assert SyncSession.objects.get().status == "completed"
    rows = DatabaseSizeAggregation.objects.count()
    assert CurrentAggregationService().run_queued(session_id)["status"] == "skipped"
    assert DatabaseSizeAggregation.objects.count() == rows


def test_a_queued_run_keeps_the_next_one_out(api, queued):
    api.post(URL, headers={"Prefer": "respond-async"})
    answer = api.post(URL, headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_running")
    assert len(queued) == 1


def test_without_a_broker_the_preference_is_ignored(api, settings):
    settings.CELERY_BROKER_URL = ""
    answer = api.post(URL, headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.has_header("Preference-Applied")) == (200, False)


def test_without_the_preference_it_runs_in_the_request(api, queued):
    assert api.post(URL, headers={"Prefer": "return=minimal"}).status_code == 200
    assert queued == []


def test_a_broker_that_is_down_is_a_503_and_leaves_nothing_open(api, broker_down):
    answer = api.post(URL, headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "broker_unavailable", "60")
    session = SyncSession.objects.get()
    assert (session.status, session.error_code) == ("failed", "broker_unavailable")
    assert answer.json()["session"] == {
        "session_id": str(session.session_id),
        "url": f"http://testserver/api/v1/sync-sessions/{session.session_id}/",
    }
    assert api.post(URL).status_code == 200


def test_a_broker_that_says_nothing_is_asked_once(api, settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        assert api.post(URL, headers={"Prefer": "respond-async"}).status_code == 503
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_what_is_queued_is_in_the_queue(api, settings):
    with redis_database() as settings.CELERY_BROKER_URL:
        session = api.post(URL, headers={"Prefer": "respond-async"}).json()
        with Redis.from_url(settings.CELERY_BROKER_URL) as redis:
            [message] = map(json.loads, redis.lrange("celery", 0, -1))
    assert message["headers"]["task"] == "capacity.aggregate_current"
    assert json.loads(b64decode(message["body"]))[0] == [session["session_id"]]

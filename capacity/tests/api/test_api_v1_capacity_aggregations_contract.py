"""Pins `POST /api/v1/capacity/aggregations/current/`: request, the full JSON, statuses. Clients rely on it."""

import json
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import OperationalError
from rest_framework.test import APIClient

from capacity.aggregation.service import AggregationService
from capacity.collection.ingest import Sample, ingest
from capacity.models import DatabaseSizeAggregation, InstanceSizeAggregation
from capacity.tests.factories import make_instance
from sync_sessions.choices import SyncCategory, SyncType
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

URL = "/api/v1/capacity/aggregations/current/"
NOW = datetime(2025, 3, 5, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def fleet():
    first, second = make_instance("prod-pg-1"), make_instance("prod-pg-2")
    make_instance("retired", is_active=False)
    ingest([Sample(first.pk, "sales", NOW, 300), Sample(first.pk, "stock", NOW, 100)])
    return first, second


def test_the_whole_answer(api, fleet):
    answer = api.post(URL, {"scope": "all", "period_type": "weekly"})
    assert answer.status_code == 200
    session = SyncSession.objects.get()
    moment = lambda value: value.astimezone(session_zone()).isoformat()  # noqa: E731
    assert answer.json() == {
        "status": "completed",
        "message": "1 of 2 instances aggregated, 1 skipped, 0 failed.",
        "scope": "all",
        "requested_period_type": "weekly",
        "effective_period_type": "daily",
        "period_type": "daily",
        "period_start": "2025-03-05",
        "period_end": "2025-03-05",
        "processed_instances": 1,
        "skipped_instances": 1,
        "failed_instances": 0,
        "processed_records": 3,
        "errors": [],
        "session": {
            "session_id": str(session.session_id),
            "sync_type": "manual_task",
            "sync_category": "aggregation",
            "status": "completed",
            "scope": "all",
            "details": {
                "version": 1,
                "period_type": "daily",
                "period_start": "2025-03-05",
                "period_end": "2025-03-05",
                "requested_period_type": "weekly",
            },
            "total_instances": 2,
            "successful_instances": 1,
            "failed_instances": 0,
            "skipped_instances": 1,
            "created_by": "operator",
            "task_id": "",
            "created_at": moment(session.created_at),
            "started_at": moment(session.started_at),
            "heartbeat_at": moment(session.heartbeat_at),
            "completed_at": moment(session.completed_at),
            "error_code": "",
            "error_message": "",
        },
    }


def session_zone():
    from django.utils import timezone

    return timezone.get_default_timezone()


@pytest.mark.parametrize("body", [None, {}, {"scope": None}, {"scope": ""}, {"scope": " ALL "}, {"period_type": None}])
def test_no_scope_is_all(api, fleet, body):
    answer = api.post(URL, body)
    assert (answer.status_code, answer.json()["scope"]) == (200, "all")
    assert (DatabaseSizeAggregation.objects.count(), InstanceSizeAggregation.objects.count()) == (2, 1)


def test_a_period_type_of_any_length_is_replaced_by_daily(api, fleet):
    answer = api.post(URL, {"period_type": "weekly" * 50}).json()
    assert (answer["effective_period_type"], answer["requested_period_type"]) == ("daily", ("weekly" * 50)[:64])


@pytest.mark.parametrize(("scope", "rows"), [("Database", (2, 0)), ("instance", (0, 1))])
def test_one_level_alone(api, fleet, scope, rows):
    answer = api.post(URL, {"scope": scope})
    assert (answer.status_code, answer.json()["scope"]) == (200, scope.lower())
    assert (DatabaseSizeAggregation.objects.count(), InstanceSizeAggregation.objects.count()) == rows


@pytest.mark.parametrize("scope", ["databases", 5, ["all"], {"all": 1}, True])
def test_any_other_scope_is_a_400_that_names_the_allowed_ones_and_writes_nothing(api, fleet, scope):
    answer = api.post(URL, {"scope": scope})
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem.pop("request_id")
    sentence = "scope must be one of instance, database, all"
    assert problem == {
        "type": "urn:whalefall:problem:invalid",
        "title": "Bad Request",
        "status": 400,
        "detail": sentence,
        "code": "invalid",
        "errors": [{"attr": "scope", "code": "invalid_scope", "detail": sentence}],
    }
    assert not SyncSession.objects.exists()


@pytest.mark.parametrize(
    "body", [{"scop": "all"}, {"period_type": 5}, {"period_type": "x\x00"}, [], "all", [{"scope": "all"}]]
)
def test_a_body_of_another_shape_is_a_400(api, fleet, body):
    answer = api.post(URL, json.dumps(body), content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not SyncSession.objects.exists()


@pytest.mark.parametrize("body", ["{", "", "\ud800".encode("utf-16", "surrogatepass"), "[" * 100_000])
def test_what_is_no_json_is_a_400(api, fleet, body):
    answer = api.generic("POST", URL, body, content_type="application/json")
    if body == "":
        assert answer.status_code == 200  # no body: nothing asked for, so all
    else:
        assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_the_scope_sentence_in_chinese(api, fleet):
    answer = api.post(URL, {"scope": "x"}, headers={"Accept-Language": "zh-hans"})
    assert answer.json()["detail"] == "scope 参数仅支持 instance、database 或 all"


def test_no_active_instance_is_a_completed_session_of_none(api):
    answer = api.post(URL)
    assert (answer.status_code, answer.json()["status"]) == (200, "skipped")
    assert answer.json()["session"]["status"] == "completed"
    assert answer.json()["session"]["total_instances"] == 0


def test_the_failure_of_an_instance_is_in_the_answer(api, fleet):
    first, _second = fleet
    ingest([Sample(first.pk, "a", NOW, 2**62), Sample(first.pk, "a", NOW.replace(hour=1), 2**62)])
    answer = api.post(URL)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["failed_instances"], told["skipped_instances"]) == ("failed", 1, 1)
    assert told["errors"] == [
        "prod-pg-1: the sizes add up to more than 2^63-1 bytes; check the samples of this instance"
    ]
    assert told["session"]["status"] == "failed"


def test_who_is_not_logged_in_gets_401(fleet):
    answer = APIClient().post(URL)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_who_may_not_gets_403(fleet, client_of, django_user_model):
    answer = client_of(django_user_model.objects.create_user("viewer")).post(URL)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert not SyncSession.objects.exists()


def test_a_login_needs_its_csrf_token(fleet, operator):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(operator)
    assert client.post(URL).status_code == 403
    assert not SyncSession.objects.exists()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_only_post_triggers(api, fleet, method):
    assert getattr(api, method)(URL).status_code == 405


def test_a_run_under_way_is_a_409_with_its_link(api, fleet):
    running = sync_session_service.create_session(
        sync_type=SyncType.MANUAL_TASK, sync_category=SyncCategory.AGGREGATION, lock_key="aggregation:daily"
    )
    answer = api.post(URL)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_running")
    link = answer.json()["session"]
    assert link["session_id"] == str(running.session_id)
    assert api.get(link["url"]).json()["session_id"] == str(running.session_id)
    assert SyncSession.objects.count() == 1


def test_switched_off_is_a_503_without_a_session(api, fleet, settings):
    settings.WHALEFALL_AGGREGATION_ENABLED = False
    answer = api.post(URL)
    assert (answer.status_code, answer.json()["code"]) == (503, "aggregation_disabled")
    assert not SyncSession.objects.exists()


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("dsn=postgres://u:secret@h/x"), 500), (OperationalError("server closed the connection"), 503)],
)
def test_a_run_that_fails_as_a_whole_gives_its_session_and_nothing_internal(api, fleet, monkeypatch, error, status):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(AggregationService, "calculate_daily_aggregations", fail)
    answer = api.post(URL)
    assert (answer.status_code, answer.json()["code"]) == (status, "aggregation_failed")
    session = SyncSession.objects.get()
    assert answer.json()["session"]["session_id"] == str(session.session_id)
    assert (session.status, set(session.records.values_list("status", flat=True))) == ("failed", {"failed"})
    assert "secret" not in answer.content.decode() + session.error_message
    assert "Traceback" not in answer.content.decode()

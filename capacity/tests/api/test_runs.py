"""`POST /api/v1/capacity/aggregations/runs/`: any periods, back-fills."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import OperationalError

from capacity.aggregation.service import AggregationService
from capacity.collection.ingest import Sample, ingest
from capacity.models import DatabaseSizeAggregation, Instance, InstanceSizeAggregation
from capacity.periods import Period
from capacity.tests.factories import make_instance
from capacity.tests.samples import database_rows, instance_rows
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

URL = "/api/v1/capacity/aggregations/runs/"
NOW = datetime(2025, 7, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW):  # it ticks: a connection gives up after a while
        yield


@pytest.fixture
def fleet():
    """Two instances with a sample a day from 2025-06-01 to 2025-07-02."""
    first, second = make_instance("pg-1"), make_instance("pg-2")
    start = datetime(2025, 6, 1, 3, 0, tzinfo=UTC)
    ingest([Sample(one.pk, "sales", start + timedelta(days=n), n + 1) for one in (first, second) for n in range(32)])
    return first, second


def spans(answer):
    assert answer.status_code == 200
    return [(run["period_type"], run["period_start"], run["status"]) for run in answer.json()["runs"]]


@pytest.mark.parametrize("body", [None, {}, {"periods": []}, {"periods": None}, {"scope": None}])
def test_the_last_complete_period_of_each_type(api, fleet, body):
    assert spans(api.post(URL, body)) == [
        ("daily", "2025-07-01", "completed"),
        ("weekly", "2025-06-23", "completed"),
        ("monthly", "2025-06-01", "completed"),
        ("quarterly", "2025-04-01", "completed"),
    ]


def test_the_whole_answer(api, fleet):
    answer = api.post(URL, {"periods": [" Monthly", "monthly"], "scope": "instance"})
    session = SyncSession.objects.get()
    assert (session.lock_key, session.sync_type) == ("aggregation:monthly", "manual_task")
    assert answer.json() == {
        "runs": [
            {
                "status": "completed",
                "message": "2 of 2 instances aggregated, 0 skipped, 0 failed.",
                "scope": "instance",
                "requested_period_type": "monthly",
                "effective_period_type": "monthly",
                "period_type": "monthly",
                "period_start": "2025-06-01",
                "period_end": "2025-06-30",
                "processed_instances": 2,
                "skipped_instances": 0,
                "failed_instances": 0,
                "processed_records": 2,
                "errors": [],
                "session": sync_session_service.snapshot(session),
            }
        ]
    }


def test_a_range_back_fills_what_lies_wholly_inside_it_and_again_to_the_same_rows(api, fleet):
    body = {"periods": ["weekly", "daily"], "from": "2025-06-08", "to": "2025-06-16"}
    days = [("daily", f"2025-06-{day:02}", "completed") for day in range(8, 17)]
    assert spans(api.post(URL, body)) == [("weekly", "2025-06-09", "completed"), *days]
    rows = database_rows(), instance_rows()
    assert len(rows[1]) == 20
    assert spans(api.post(URL, body)) == [("weekly", "2025-06-09", "completed"), *days]
    assert (database_rows(), instance_rows()) == rows


def test_null_is_not_given(api, fleet):
    nothing = dict.fromkeys(("scope", "from", "to", "instances"))
    assert spans(api.post(URL, {"periods": ["weekly"], **nothing})) == [("weekly", "2025-06-23", "completed")]
    session = SyncSession.objects.get()
    assert (session.scope, session.sync_type, session.total_instances) == ("all", "manual_task", 2)


def test_some_instances_by_id_and_name(api, fleet):
    first, second = fleet
    make_instance(str(first.pk + 1000))
    answer = api.post(URL, {"periods": ["weekly"], "instances": [second.pk, "pg-2"]})
    assert spans(answer) == [("weekly", "2025-06-23", "completed")]
    assert set(DatabaseSizeAggregation.objects.values_list("instance__name", flat=True)) == {"pg-2"}
    assert SyncSession.objects.get().lock_key == f"aggregation:weekly:{second.pk}"


def test_several_instances_hold_the_key_of_the_fleet(api, fleet):
    api.post(URL, {"periods": ["weekly"], "instances": [one.pk for one in fleet]})
    session = SyncSession.objects.get()
    assert (session.lock_key, session.sync_type) == ("aggregation:weekly", "manual_batch")


BAD_BODIES = [
    ({"scope": "databases"}, "scope", "invalid_scope"),
    ({"scope": 5}, "scope", "invalid_scope"),
    ({"periods": ["hourly"]}, "periods", "invalid_period"),
    ({"periods": ["daily", 5]}, "periods", "invalid_period"),
    ({"periods": [["daily"]]}, "periods", "invalid_period"),
    ({"periods": "daily"}, "periods", "not_a_list"),
    ({"periods": {"daily": 1}}, "periods", "not_a_list"),
    ({"from": "2025-06-01"}, "to", "required"),
    ({"to": "2025-06-01"}, "from", "required"),
    ({"from": "2025-06-02", "to": "2025-06-01"}, "from", "invalid_period"),
    ({"from": "2025-06-03", "to": "2025-06-07", "periods": ["weekly"]}, "from", "no_period"),
    ({"from": "2023-01-01", "to": "2025-06-30"}, "from", "too_many_runs"),
    ({"from": "0002-01-01", "to": "9998-12-31"}, "from", "too_many_runs"),
    ({"from": "0001-01-01", "to": "0001-01-31"}, "from", "invalid_period"),
    ({"from": "9999-12-01", "to": "9999-12-31"}, "from", "invalid_period"),
    ({"from": "2025-02-30", "to": "2025-03-01"}, "from", "invalid"),
    ({"from": 20250601, "to": "2025-06-30"}, "from", "invalid"),
    ({"from": "2025-06-01", "to": None}, "to", "required"),
    ({"from": "2025-06-01T00:00:00Z", "to": "2025-06-30"}, "from", "invalid"),
    ({"instances": []}, "instances", "not_a_list"),
    ({"instances": "pg-1"}, "instances", "not_a_list"),
    ({"instances": ["pg-1", "nobody"]}, "instances", "unknown_instance"),
    *[({"instances": [bad]}, "instances", "unknown_instance") for bad in (0, -1, 2**63, True, 1.0, None, [], "a\x00")],
    ({"instances": ["pg-1"] * 1001}, "instances", "not_a_list"),
    ({"instances": ["pg-1", "retired"]}, "instances", "instance_inactive"),
    ({"period": ["daily"]}, "period", "unknown_field"),
]


@pytest.mark.parametrize(("body", "attr", "code"), BAD_BODIES)
def test_a_bad_body_is_a_400_and_nothing_is_run(api, fleet, body, attr, code):
    make_instance("retired", is_active=False)
    answer = api.post(URL, body)
    assert answer.status_code == 400
    assert [(one["attr"], one["code"]) for one in answer.json()["errors"]] == [(attr, code)]
    assert not SyncSession.objects.exists()


def test_unknown_and_inactive_instances_are_named(api, fleet):
    make_instance("retired", is_active=False)
    told = [api.post(URL, {"instances": names}).json()["detail"] for names in (["nobody", 77], ["retired", "pg-1"])]
    assert told == [
        "There is no instance 'nobody', 77.",
        "Inactive: 'retired'. Activate them, or leave them out.",
    ]


def open_session(period_type):
    return sync_session_service.create_session(
        sync_type="manual_task", sync_category="aggregation", lock_key=f"aggregation:{period_type}"
    )


def test_a_busy_period_is_an_entry_with_the_session_that_runs(api, fleet):
    other = open_session("weekly")
    answer = api.post(URL, {"periods": ["weekly", "monthly"]})
    assert spans(answer) == [("weekly", "2025-06-23", "busy"), ("monthly", "2025-06-01", "completed")]
    busy, done = answer.json()["runs"]
    assert set(busy) == set(done)
    assert busy["session"] == sync_session_service.snapshot(other)
    assert busy["processed_records"] == 0
    assert str(other.session_id) in busy["message"]


def test_when_all_are_busy_it_is_a_409_with_a_link(api, fleet):
    other = open_session("weekly")
    open_session("monthly")
    answer = api.post(URL, {"periods": ["weekly", "monthly"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_running")
    assert answer.json()["session"]["session_id"] == str(other.session_id)
    assert SyncSession.objects.count() == 2


def test_no_active_instance_is_a_skipped_run(api):
    assert spans(api.post(URL, {"periods": ["weekly"]})) == [("weekly", "2025-06-23", "skipped")]


def test_switched_off_is_a_503_without_a_session(api, fleet, settings):
    settings.WHALEFALL_AGGREGATION_ENABLED = False
    answer = api.post(URL)
    assert (answer.status_code, answer.json()["code"]) == (503, "aggregation_disabled")
    assert not SyncSession.objects.exists()


@pytest.mark.parametrize(("error", "status"), [(RuntimeError("odd"), 500), (OperationalError("connection lost"), 503)])
def test_a_run_that_fails_as_a_whole_ends_the_call_with_its_session(api, fleet, monkeypatch, error, status):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(AggregationService, "calculate_monthly_aggregations", fail)
    answer = api.post(URL)
    assert (answer.status_code, answer.json()["code"]) == (status, "aggregation_failed")
    weekly, failed = SyncSession.objects.order_by("-id")[1], SyncSession.objects.order_by("-id")[0]
    assert (weekly.status, failed.status) == ("completed", "failed")
    assert answer.json()["session"]["session_id"] == str(failed.session_id)


def test_a_single_period_can_be_queued(api, fleet, queued):
    answer = api.post(URL, {"periods": ["weekly"]}, headers={"Prefer": "respond-async"})
    session = SyncSession.objects.get()
    assert (answer.status_code, answer.json()) == (202, sync_session_service.snapshot(session))
    assert (session.status, session.details["period_start"]) == ("pending", "2025-06-23")
    assert queued == [("capacity.aggregate_current", str(session.session_id))]
    assert (answer["Preference-Applied"], answer["Retry-After"]) == ("respond-async", "2")
    assert api.get(answer["Location"]).json() == answer.json()


def test_several_periods_run_in_the_request_whatever_is_preferred(api, fleet, queued):
    answer = api.post(URL, {"periods": ["weekly", "monthly"]}, headers={"Prefer": "respond-async"})
    assert len(spans(answer)) == 2
    assert not answer.has_header("Preference-Applied")
    assert queued == []


def test_a_broker_that_is_down_is_a_503_and_leaves_nothing_open(api, fleet, broker_down):
    answer = api.post(URL, {"periods": ["weekly"]}, headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
    assert answer.json()["session"]["session_id"] == str(SyncSession.objects.latest("id").session_id)
    assert list(SyncSession.objects.values_list("status", "error_code")) == [("failed", "broker_unavailable")]


def test_it_needs_its_permission(client_with, fleet):
    client = client_with("view_instance", "change_instance", "add_databasesizestat", "cancel_syncsession")
    assert client.post(URL).status_code == 403
    assert not SyncSession.objects.exists()
    assert Instance.objects.count() == 2
    assert not InstanceSizeAggregation.objects.exists()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_only_post_triggers(api, method):
    assert getattr(api, method)(URL).status_code == 405


def test_a_range_of_centuries_is_refused_before_one_of_its_periods_is_made(api, monkeypatch):
    made = []
    monkeypatch.setattr(Period, "following", lambda period: made.append(period))

    answer = api.post(URL, {"from": "1600-01-01", "to": "2100-01-01"})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "too_many_runs")
    assert made == []

"""`instances/{id}/collect/` and `instances/{id}/aggregate/`."""

from datetime import UTC, datetime

import pytest
import time_machine

from capacity.collection.ingest import ingest
from capacity.models import DatabaseSizeStat, InstanceSizeAggregation
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.servers import HOST, POSTGRESQL_PORT, closed_port
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db


@pytest.fixture
def server():
    return make_instance("local", host=HOST, port=POSTGRESQL_PORT, username="postgres")


def collect(api, instance, body=None, **headers):
    return api.post(f"/api/v1/instances/{instance.pk}/collect/", body, headers=headers)


def aggregate(api, instance, body=None, **headers):
    return api.post(f"/api/v1/instances/{instance.pk}/aggregate/", body, headers=headers)


@pytest.mark.live
def test_a_server_is_measured_now(api, operator, server):
    answer = collect(api, server, {})
    assert answer.status_code == 200
    session = SyncSession.objects.get()
    count = DatabaseSizeStat.objects.filter(instance=server).count()
    total = sum(DatabaseSizeStat.objects.values_list("size_bytes", flat=True))
    assert count > 0
    assert answer.json() == {
        "status": "completed",
        "message": "1 of 1 instance collected, 0 failed, 0 skipped.",
        "instances": [
            {
                "instance_id": server.pk,
                "instance_name": "local",
                "engine": "postgresql",
                "status": "completed",
                "databases": count,
                "total_size_bytes": total,
                "not_sized": answer.json()["instances"][0]["not_sized"],
                "notes": [],
                "error_code": "",
                "reason": "",
            }
        ],
        "session": sync_session_service.snapshot(session),
    }
    assert (session.sync_type, session.created_by, session.sync_category) == ("manual_single", operator, "capacity")


def test_a_server_that_does_not_answer_is_a_result_that_failed(api):
    server = make_instance("away", host=HOST, port=closed_port(), username="u", password="s3cret")
    answer = collect(api, server)
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    [outcome] = answer.json()["instances"]
    assert (outcome["status"], outcome["error_code"]) == ("failed", "refused")
    assert outcome["reason"]
    assert "s3cret" not in answer.content.decode()


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"host": "10.0.0.5", "is_active": False}, "instance_inactive"), ({"is_active": True}, "no_host")],
)
def test_what_cannot_be_collected_is_a_409_without_a_session(api, fields, code):
    answer = collect(api, make_instance("erp", **fields))
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert answer.json()["detail"].startswith("erp ")
    assert not SyncSession.objects.exists()


def test_a_collection_under_way_is_a_409_with_its_link(api, server):
    other = sync_session_service.create_session(
        sync_type="scheduled_task", sync_category="capacity", lock_key="capacity:collection"
    )
    answer = collect(api, server)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_running")
    assert answer.json()["session"]["session_id"] == str(other.session_id)


def test_with_a_broker_a_worker_collects(api, server, queued):
    answer = collect(api, server, Prefer="respond-async")
    session = SyncSession.objects.get()
    assert (answer.status_code, answer.json()) == (202, sync_session_service.snapshot(session))
    assert (session.status, session.sync_type) == ("pending", "manual_single")
    assert queued == [("capacity.collect_capacity_batch", str(session.session_id), [server.pk])]
    assert (answer["Preference-Applied"], answer["Retry-After"]) == ("respond-async", "2")
    assert api.get(answer["Location"]).json() == answer.json()


def test_a_broker_that_is_down_is_a_503_and_leaves_nothing_open(api, server, broker_down):
    answer = collect(api, server, Prefer="respond-async")
    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
    assert answer.json()["session"]["session_id"] == str(SyncSession.objects.latest("id").session_id)
    assert list(SyncSession.objects.values_list("status", "error_code")) == [("failed", "broker_unavailable")]


@pytest.mark.parametrize("call", [collect, aggregate])
@pytest.mark.parametrize("body", [{"force": True}, [], "x"])
def test_a_body_that_it_does_not_know_is_a_400(api, server, call, body):
    assert call(api, server, body).status_code == 400
    assert not SyncSession.objects.exists()


@pytest.mark.parametrize("call", ["collect", "aggregate"])
def test_an_unknown_instance_is_a_404(api, call):
    assert api.post(f"/api/v1/instances/99/{call}/").status_code == 404


NOW = datetime(2025, 7, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def sampled():
    """The only one of two instances that is asked for, with a sample in each last complete period and today."""
    with time_machine.travel(NOW, tick=False):
        instance, other = make_instance("pg-1"), make_instance("pg-2")
        ingest([a_sample(one, at) for one in (instance, other) for at in ("2025-06-25T10:00Z", "2025-07-02T03:00Z")])
        yield instance


def test_an_instance_is_aggregated_by_itself(api, operator, sampled):
    answer = aggregate(api, sampled)
    assert answer.status_code == 200
    runs = answer.json()["runs"]
    assert [(run["period_type"], run["period_start"], run["status"]) for run in runs] == [
        ("daily", "2025-07-02", "completed"),
        ("weekly", "2025-06-23", "completed"),
        ("monthly", "2025-06-01", "completed"),
        ("quarterly", "2025-04-01", "completed"),
    ]
    assert {run["session"]["sync_type"] for run in runs} == {"manual_single"}
    assert {run["session"]["created_by"] for run in runs} == {"operator"}
    assert set(InstanceSizeAggregation.objects.values_list("instance__name", flat=True)) == {"pg-1"}


def test_of_the_periods_and_the_scope_that_are_named(api, sampled):
    [run] = aggregate(api, sampled, {"periods": [" Weekly "], "scope": "DATABASE"}).json()["runs"]
    assert (run["period_type"], run["scope"], run["processed_records"]) == ("weekly", "database", 1)


def test_an_inactive_one_is_a_409(api, sampled):
    sampled.is_active = False
    sampled.save()
    answer = aggregate(api, sampled)
    assert (answer.status_code, answer.json()["code"]) == (409, "instance_inactive")
    assert not SyncSession.objects.exists()


def test_one_period_of_it_can_be_queued(api, sampled, queued):
    answer = aggregate(api, sampled, {"periods": ["weekly"]}, Prefer="respond-async")
    session = SyncSession.objects.get()
    assert (answer.status_code, session.status) == (202, "pending")
    assert session.lock_key == f"aggregation:weekly:{sampled.pk}"
    assert queued == [("capacity.aggregate_current", str(session.session_id))]


def test_switched_off_it_is_a_503_without_a_session(api, sampled, settings):
    settings.WHALEFALL_AGGREGATION_ENABLED = False
    answer = aggregate(api, sampled)
    assert (answer.status_code, answer.json()["code"]) == (503, "aggregation_disabled")
    assert not SyncSession.objects.exists()

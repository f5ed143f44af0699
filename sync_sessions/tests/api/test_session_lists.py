"""`GET sync-sessions/` and `sync-sessions/{session_id}/records/`."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from capacity.tests.factories import make_instance
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

URL = "/api/v1/sync-sessions/"


@pytest.fixture
def api(client_with):
    return client_with("view_syncsession")


@pytest.fixture
def log(open_session, django_user_model):
    """Three sessions, the oldest first: completed of ann, cancelled, running."""
    ann = django_user_model.objects.create_user("ann")
    first = open_session("a", scope="database", created_by=ann, details={"period_type": "weekly"})
    sync_session_service.finish_session(first)
    second = open_session("b")
    sync_session_service.cancel_session(second)
    third = open_session("c", status="pending")
    SyncSession.objects.filter(pk=second.pk).update(sync_category="capacity", sync_type="scheduled_task")
    SyncSession.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(days=10))
    return first, second, third


def test_the_newest_first_each_as_its_snapshot(api, log):
    answer = api.get(URL)
    assert answer.status_code == 200
    assert answer.json() == {
        "count": 3,
        "next": None,
        "previous": None,
        "results": [sync_session_service.snapshot(one) for one in log[::-1]],
    }


FILTERS = [
    ("status=completed", [0]),
    ("status=completed&status=cancelled", [0, 1]),
    ("sync_category=capacity", [1]),
    ("sync_type=scheduled_task&sync_type=manual_single", [1]),
    ("scope=database", [0]),
    ("created_by=ann", [0]),
    ("created_by=bob", []),
    ("period_type=weekly", [0]),
    ("period_type=daily", []),
    ("period_type=daily&period_type=weekly", [0]),
    ("created_at_after={day}", [1, 2]),
    ("created_at_before={day}&status=completed", [0]),
]


@pytest.mark.parametrize(("query", "found"), FILTERS)
def test_the_list_is_filtered(api, log, query, found):
    day = (timezone.now() - timedelta(days=1)).isoformat().replace("+", "%2B")
    answer = api.get(f"{URL}?{query.format(day=day)}")
    assert answer.status_code == 200
    assert {one["session_id"] for one in answer.json()["results"]} == {str(log[n].session_id) for n in found}


BAD = [
    "status=done",
    "sync_type=x",
    "scope=",
    "created_at_after=yesterday",
    "created_by=%00",
    "period_type=bogus",
    "period_type=",
    "period_type=weekly&period_type=bogus",
    "details__period_type=x",
]
BAD += ["ordering=created_at", "page=x", "page_size=201", "lock_key=a"]


@pytest.mark.parametrize("query", BAD)
def test_a_query_that_it_does_not_understand_is_a_400(api, log, query):
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert [one["attr"] for one in answer.json()["errors"]] == [query.partition("=")[0]]


def test_a_dead_session_is_listed_as_failed(api, open_session, age):
    age(open_session(), timedelta(days=1))
    [shown] = api.get(f"{URL}?status=failed").json()["results"]
    assert shown["error_code"] == "abandoned"


def test_a_page_takes_as_many_queries_for_many_as_for_few(api, open_session, django_user_model):
    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert api.get(f"{URL}?page_size=200").status_code == 200
        return len(asked)

    open_session("first", created_by=django_user_model.objects.create_user("someone"))
    few = queries()
    for n in range(30):
        open_session(f"key-{n}", created_by=django_user_model.objects.create_user(f"user-{n}"))
    assert queries() == few


@pytest.fixture
def session(open_session):
    """Running, with a completed record, a failed one and one whose instance is not there any more."""
    instances = [make_instance(f"pg-{n}") for n in range(3)]
    session = open_session(instances=[(one.pk, one.name) for one in instances])
    ids = sync_session_service.record_ids(session)
    results = [
        RecordResult(ids[instances[0].pk], "completed", 3, 2, 1, sync_details={"version": 1, "n": [1]}),
        RecordResult(ids[instances[1].pk], "failed", error_code="refused", error_message="Nobody listens."),
    ]
    sync_session_service.complete_instance_records(session, results)
    instances[2].delete()
    return session


def records(api, session, query=""):
    return api.get(f"{URL}{session.session_id}/records/{query}")


def test_the_records_of_a_session(api, session):
    answer = records(api, session)
    first, second, third = SyncInstanceRecord.objects.order_by("id")
    told = [
        {
            "id": first.pk,
            "instance": first.instance_id,
            "instance_name": "pg-0",
            "status": "completed",
            "items_synced": 3,
            "items_created": 2,
            "items_updated": 1,
            "error_code": "",
            "error_message": "",
            "sync_details": {"version": 1, "n": [1]},
        },
        {
            "id": second.pk,
            "instance": second.instance_id,
            "instance_name": "pg-1",
            "status": "failed",
            "error_code": "refused",
            "error_message": "The server refuses connections.",
        },
        {"id": third.pk, "instance": None, "instance_name": "pg-2", "status": "pending", "completed_at": None},
    ]
    shared = {"items_synced": 0, "items_created": 0, "items_updated": 0, "items_deleted": 0}
    shared |= {"error_code": "", "error_message": "", "sync_details": {}}
    for record, row in zip(told, (first, second, third), strict=True):
        for name in ("created_at", "started_at", "completed_at"):
            moment = getattr(row, name)
            record[name] = moment and timezone.localtime(moment).isoformat()
    assert answer.status_code == 200
    page = {"count": 3, "next": None, "previous": None}
    assert answer.json() == {**page, "results": [{**shared, **record} for record in told]}


def test_the_records_are_filtered_and_paged(api, session, open_session):
    open_session("other", [(make_instance("other").pk, "other")])
    pk = SyncInstanceRecord.objects.get(instance_name="pg-1").instance_id
    for query in ("?status=failed", f"?instance={pk}", f"?instance={pk}&status=completed&status=failed"):
        assert [one["instance_name"] for one in records(api, session, query).json()["results"]] == ["pg-1"]
    second = records(api, session, "?page=2&page_size=2").json()
    assert ([one["instance_name"] for one in second["results"]], second["count"]) == (["pg-2"], 3)


@pytest.mark.parametrize("query", ["status=done", "instance=x", "ordering=id", "sync_type=x", "page=0"])
def test_what_records_do_not_understand_is_a_400(api, session, query):
    answer = records(api, session, f"?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, query.partition("=")[0])


def test_records_of_an_unknown_session_are_a_404(api):
    answer = api.get(f"{URL}{uuid.uuid4()}/records/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_records_take_as_many_queries_for_many_as_for_few(api, session, open_session):
    def queries(session):
        with CaptureQueriesContext(connection) as asked:
            assert records(api, session, "?page_size=200").status_code == 200
        return len(asked)

    many = open_session("many", [(make_instance(f"m{n}").pk, f"m{n}") for n in range(100)])
    assert queries(many) == queries(session)

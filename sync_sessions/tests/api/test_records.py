"""`GET sync-records/`: what became of instances, over all sessions."""

import pytest

from capacity.tests.factories import make_instance
from sync_sessions.models import SyncSession
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

URL = "/api/v1/sync-records/"


@pytest.fixture
def api(client_with):
    return client_with("view_syncsession")


@pytest.fixture
def records(open_session):
    """Of two instances in two sessions; in the second, which is of another day, the first one failed."""
    instances = [(one.pk, one.name) for one in (make_instance(), make_instance())]
    first, second = open_session("one", instances=instances), open_session("two", instances=instances)
    failed = second.records.order_by("id").first()
    sync_session_service.fail_instance_records(second, [RecordResult(failed.pk, "failed", error_code="refused")])
    # Nine in the evening of 1 March in UTC is the morning of the 2nd in Shanghai.
    SyncSession.objects.filter(pk=first.pk).update(created_at="2025-03-01T21:00:00Z")
    SyncSession.objects.filter(pk=second.pk).update(created_at="2025-03-02T21:00:00Z")
    return [record for session in (first, second) for record in session.records.order_by("id")]


def listed(api, **query):
    answer = api.get(URL, query)
    assert answer.status_code == 200
    return [one["id"] for one in answer.json()["results"]]


def test_the_newest_come_first_with_their_session(api, records):
    answer = api.get(URL).json()["results"]
    assert [one["id"] for one in answer] == [record.pk for record in reversed(records)]
    assert answer[0]["session_id"] == str(records[-1].session.session_id)


def test_they_are_filtered_by_instance_status_and_day(api, records):
    assert listed(api, instance=records[0].instance_id) == [records[2].pk, records[0].pk]
    assert listed(api, error_code="refused") == [records[2].pk]
    assert listed(api, status="failed") == [records[2].pk]
    assert listed(api, day="2025-03-02") == [records[1].pk, records[0].pk]
    assert listed(api, day="2025-03-01") == []
    assert api.get(URL, {"day": "yesterday"}).status_code == 400
    assert [listed(api, day=day) for day in ("0001-01-01", "9999-12-31")] == [[], []]  # without a midnight elsewhere

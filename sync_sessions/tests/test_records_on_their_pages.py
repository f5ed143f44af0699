"""On PostgreSQL a record stays on its page while it begins and ends: its indexes are not written again."""

import pytest
from django.db import connection

from capacity.tests.factories import make_instance
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service as service

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def pages(session):
    """{record id: the page of its newest version}"""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, ctid::text FROM sync_instance_records WHERE session_id = %s", [session.pk])
        return {pk: place.strip("()").split(",")[0] for pk, place in cursor.fetchall()}


def test_records_begin_and_end_where_they_are(open_session):
    made = [make_instance() for _one in range(200)]
    session = open_session(instances=[(one.pk, one.name) for one in made])
    before = pages(session)
    service.start_instance_records(session, list(before))
    service.complete_instance_records(session, [RecordResult(pk, "completed", 1, 1) for pk in before])
    moved = [pk for pk, page in pages(session).items() if page != before[pk]]
    assert len(set(before.values())) > 1
    assert not moved


def test_a_record_that_fails_is_found_by_the_index_of_the_failed(open_session):
    one, other = make_instance("billing"), make_instance("orders")
    session = open_session(instances=[(one.pk, one.name), (other.pk, other.name)])
    ids = service.record_ids(session)
    service.fail_instance_records(session, [RecordResult(ids[one.pk], "failed", error_code="refused")])
    service.complete_instance_records(session, [RecordResult(ids[other.pk], "completed")])
    assert list(session.records.filter(has_failed=True).values_list("instance_name", flat=True)) == ["billing"]
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        plan = session.records.model.objects.filter(has_failed=True, instance=one).explain()
        cursor.execute("RESET enable_seqscan")
    assert "sync_records_failed" in plan

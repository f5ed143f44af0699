"""What the records of a run have in common is stored once, and read as if each had it."""

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from capacity.tests.factories import make_instance
from sync_sessions.models import SyncInstanceRecord
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service as service
from sync_sessions.shared_details import common, to_store, whole

DAYS = ["2025-03-05", "2025-03-05"]


def details(count, **more):
    level = {"window": DAYS, "previous_window": ["2025-03-04", "2025-03-04"], "samples": count}
    return {
        "version": 1,
        "scope": "all",
        "result": {"status": "completed", "database": level, "instance": None},
    } | more


@pytest.fixture
def run(db, open_session):
    """A session whose records end with these details, those of one call together; gives it and its records."""

    def end(*calls, status="completed"):
        flat = [one for call in calls for one in call]
        made = [make_instance() for _one in flat]
        session = open_session(instances=[(one.pk, one.name) for one in made])
        ids = iter(service.record_ids(session)[one.pk] for one in made)
        write = service.fail_instance_records if status == "failed" else service.complete_instance_records
        for call in calls:
            write(session, [RecordResult(next(ids), status, sync_details=one) for one in call])
        return session, list(session.records.order_by("id"))

    return end


def stored(record):
    """As the table has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT CAST(sync_details AS text) FROM sync_instance_records WHERE id = %s", [record.pk])
        return cursor.fetchone()[0]


def test_records_read_whole_and_store_what_differs(run):
    _session, (first, second, third) = run([details(1), details(2)], [details(3)])
    assert [one.sync_details for one in (first, second, third)] == [details(1), details(2), details(3)]
    assert stored(third).replace(" ", "") == '{"differs":{"result":{"database":{"samples":3}}}}'


def test_a_record_that_lacks_what_the_others_share_stores_the_whole(run):
    other = {"version": 1, "scope": "all", "result": {"status": "completed", "instance": None}}
    _session, records = run([details(1), details(2)], [other])
    assert records[2].sync_details == other
    assert "differs" not in stored(records[2])


def test_records_without_details_stay_without_whatever_others_of_their_status_share(run):
    session, records = run([details(1)], status="failed")
    waiting = make_instance()
    service.add_instance_records(session, [(waiting.pk, waiting.name)])
    service.fail_session(session, "abandoned", "its process is gone")
    assert session.records.get(instance=waiting).sync_details == {}
    assert SyncInstanceRecord.objects.get(pk=records[0].pk).sync_details == details(1)


def test_what_is_shared_is_not_among_the_details_of_the_session(run):
    session, _records = run([details(1), details(2)])
    assert service.snapshot(session)["details"] == {"version": 1}
    assert "shared_details" not in service.snapshot(session)


def test_a_chunk_that_was_rolled_back_leaves_nothing_shared(run, open_session):
    from django.db import transaction

    made = [make_instance() for _n in range(2)]
    session = open_session(instances=[(one.pk, one.name) for one in made])
    ids = service.record_ids(session)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        service.complete_instance_records(
            session, [RecordResult(ids[made[0].pk], "completed", sync_details=details(1))]
        )
        raise ZeroDivisionError
    service.complete_instance_records(
        session, [RecordResult(ids[made[1].pk], "completed", sync_details=details(2, scope="database"))]
    )
    assert session.records.get(instance=made[1]).sync_details == details(2, scope="database")


def test_reading_a_record_alone_asks_for_its_session_once(run, django_assert_num_queries):
    _session, records = run([details(1), details(2)])
    with django_assert_num_queries(2):
        record = SyncInstanceRecord.objects.get(pk=records[1].pk)
        assert (record.sync_details, record.sync_details["version"]) == (details(2), 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "differs"]), inner, max_size=3),
    max_leaves=8,
)
DETAILS = st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON, max_size=3)


@given(st.lists(DETAILS, min_size=1, max_size=4), st.lists(DETAILS, max_size=4))
def test_whatever_is_stored_is_read_again(first, later):
    shared = common(first)
    for one in (*first, *later):
        assert whole(to_store(one, shared), shared) == one


def test_of_records_that_end_alike_each_gets_the_end_and_no_other(run):
    alike, other = details(1), details(2)
    _session, records = run([alike, other, alike, details(1), alike])
    assert [one.sync_details for one in records] == [alike, other, alike, alike, alike]
    assert len({stored(one) for one in records}) == 2


@pytest.mark.django_db
def test_records_that_share_their_details_keep_what_else_tells_them_apart(open_session):
    made = [make_instance() for _one in range(4)]
    session = open_session(instances=[(one.pk, one.name) for one in made])
    ids = [service.record_ids(session)[one.pk] for one in made]
    same = details(1)
    numbers = [(3, 1, 2, ""), (3, 2, 1, ""), (0, 0, 0, "no_samples"), (3, 1, 2, "")]
    service.complete_instance_records(
        session,
        [
            RecordResult(pk, "skipped" if code else "completed", *items, error_code=code, sync_details=same)
            for pk, (*items, code) in zip(ids, numbers, strict=True)
        ],
    )
    columns = ("items_synced", "items_created", "items_updated", "error_code")
    assert list(session.records.order_by("id").values_list(*columns)) == numbers

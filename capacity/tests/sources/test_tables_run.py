"""The weekly run of largest tables against real servers."""

import pytest

from capacity.collection import tables_run
from capacity.models import DbType, TableSizeSnapshot
from capacity.periods import today
from capacity.tasks import snapshot_tables
from capacity.tests import servers
from capacity.tests.events import an_event
from capacity.tests.factories import make_instance
from capacity.tests.servers import HOST, MYSQL_PORT, POSTGRESQL_PORT
from sync_sessions.models import SyncInstanceRecord

pytestmark = [pytest.mark.live, pytest.mark.django_db]


def kept():
    """(instance, database) of every snapshot."""
    return sorted(TableSizeSnapshot.objects.values_list("instance__name", "database_name"))


def details():
    """{instance: status and details of its newest record}"""
    rows = SyncInstanceRecord.objects.order_by("pk")
    return {one.instance_name: (one.status, one.sync_details) for one in rows}


@pytest.fixture
def postgresql():
    return make_instance("pg", host=HOST, port=POSTGRESQL_PORT, username="postgres")


@pytest.fixture
def maria():
    return make_instance("maria", db_type=DbType.MYSQL, host=HOST, port=MYSQL_PORT, username="root")


def test_tables_of_the_databases_with_an_event_are_kept_and_of_no_others(postgresql, maria, pg, my):
    an_event(postgresql, pg["open"], today())
    an_event(maria, my["full"], today(), "drop", before=900, after=10)

    result = snapshot_tables()

    assert (result["status"], result["message"]) == ("completed", "Largest tables of 2 databases measured.")
    assert kept() == [("maria", my["full"]), ("pg", pg["open"])]
    assert details() == {
        "pg": ("completed", {"version": 1, "engine": "postgresql", "databases": 1, "not_sized": []}),
        "maria": ("completed", {"version": 1, "engine": "mysql", "databases": 1, "not_sized": []}),
    }
    snapshot = TableSizeSnapshot.objects.get(instance=maria)
    assert {"ta#b-lé", "plain", "isam"} <= {one["table"] for one in snapshot.tables}
    assert snapshot.taken_by is None

    assert snapshot_tables()["session"]["total_instances"] == 0
    assert len(kept()) == 2


def test_a_database_that_cannot_be_measured_is_named_and_stops_no_other(postgresql, pg):
    an_event(postgresql, "no_such_database", today(), after=900)
    an_event(postgresql, pg["open"], today())

    assert snapshot_tables()["status"] == "completed"
    status, found = details()["pg"]
    [unsized] = found["not_sized"]
    assert (status, found["databases"], unsized["database"]) == ("completed", 1, "no_such_database")
    assert unsized["reason"] == "The server has no such database any more."
    assert kept() == [("pg", pg["open"])]


def test_when_none_could_be_measured_the_record_fails_with_the_reason(pg):
    limited = make_instance(
        "limited", host=HOST, port=POSTGRESQL_PORT, username=pg["user"], password="hunter2", tls_mode="prefer"
    )
    an_event(limited, pg["closed"], today())

    assert snapshot_tables()["status"] == "failed"
    record = SyncInstanceRecord.objects.get()
    assert (record.status, record.error_code) == ("failed", "missing_privilege")
    assert record.error_message.startswith(f"Database {pg['closed']}: ")
    assert "hunter2" not in record.error_message


def test_a_run_measures_no_more_than_its_bound_and_the_next_one_what_is_left(postgresql, maria, pg, my, monkeypatch):
    monkeypatch.setattr(tables_run, "MOST", 1)
    an_event(postgresql, "postgres", today(), after=200)
    an_event(postgresql, pg["open"], today(), after=900)
    an_event(maria, my["full"], today(), after=300)

    text = "Largest tables of 1 database measured. 2 databases are left for the next run."
    assert snapshot_tables()["message"] == text
    assert kept() == [("pg", pg["open"])]
    assert details()["pg"][1]["left"] == 1
    record = SyncInstanceRecord.objects.get(instance=maria)
    assert (record.status, record.error_code, record.sync_details["left"]) == ("skipped", "left_for_next", 1)

    snapshot_tables()
    assert kept() == [("maria", my["full"]), ("pg", pg["open"])]
    snapshot_tables()
    assert kept() == [("maria", my["full"]), ("pg", "postgres"), ("pg", pg["open"])]


def test_a_server_that_says_nothing_holds_it_up_for_seconds_only(maria, my):
    with servers.silent_server() as port:
        an_event(make_instance("silent", host=HOST, port=port, username="u"), "sales", today(), after=900)
        an_event(maria, my["full"], today())
        assert snapshot_tables()["status"] == "failed"

    assert {name: status for name, (status, _details) in details().items()} == {
        "silent": "failed",
        "maria": "completed",
    }
    assert kept() == [("maria", my["full"])]

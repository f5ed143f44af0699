"""A collection from live servers: its session, its records, its samples."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.utils import translation

from capacity.collection.service import CollectionService
from capacity.models import DatabaseSizeStat, DbType, Instance, InstanceSizeStat
from capacity.tests.factories import make_instance
from sync_sessions.choices import SyncType
from sync_sessions.errors import SessionAlreadyRunning
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import sync_session_service

from . import servers
from .servers import HOST, MYSQL_PORT, POSTGRESQL_PORT, closed_port, mysql

pytestmark = [pytest.mark.live, pytest.mark.django_db]


@pytest.fixture
def mariadb(my):
    return make_instance(
        "maria", db_type=DbType.MYSQL, host=HOST, port=MYSQL_PORT, username=my["user"], password="hunter2"
    )


def make_postgresql(name="pg", **fields):
    return make_instance(name, **{"host": HOST, "port": POSTGRESQL_PORT, "username": "postgres", **fields})


def collect(*instances, **options):
    service = CollectionService(connect_timeout=options.pop("connect_timeout", 5))
    return service.collect(instances or None, sync_type=SyncType.MANUAL_TASK, **options)


def records():
    rows = SyncInstanceRecord.objects.order_by("instance_name")
    return list(rows.values_list("instance_name", "status", "error_code", "error_message"))


def samples():
    return set(DatabaseSizeStat.objects.values_list("instance__name", "database_name", "size_bytes"))


def test_every_active_instance_with_a_host_is_collected(mariadb, my):
    make_postgresql()
    make_instance("pushed only")
    make_postgresql("inactive", is_active=False)

    result = collect()

    assert result.status == "completed"
    assert records() == [("maria", "completed", "", ""), ("pg", "completed", "", "")]
    assert {name for name, *_ in samples()} == {"maria", "pg"}
    assert result.message == "2 of 2 instances collected, 0 failed, 0 skipped."


def test_the_samples_of_an_instance_are_stored_with_its_day_row(mariadb, my):
    size = servers.measured(DbType.MYSQL, user=my["user"], password="hunter2").databases[1].size_bytes

    with time_machine.travel(datetime(2025, 3, 9, 18, 30, tzinfo=UTC), tick=False):  # 10 March in Shanghai
        collect(mariadb)

    columns = "database_name", "size_bytes", "data_size_bytes", "log_size_bytes", "collected_at", "collected_on"
    moment, day = datetime(2025, 3, 9, 18, 30, tzinfo=UTC), datetime(2025, 3, 10).date()
    assert list(DatabaseSizeStat.objects.order_by("database_name").values_list(*columns)) == [
        (my["empty"], 0, None, None, moment, day),
        (my["full"], size, None, None, moment, day),
    ]
    assert list(InstanceSizeStat.objects.values_list("collected_on", "total_size_bytes", "database_count")) == [
        (day, size, 2)
    ]


def test_all_samples_of_an_instance_have_one_time(mariadb):
    make_postgresql()

    collect()

    times = set(DatabaseSizeStat.objects.values_list("instance", "collected_at"))
    assert len(times) == 2


def test_a_record_says_what_was_measured(mariadb, my):
    collect(mariadb)

    record = SyncInstanceRecord.objects.get()
    total = sum(size for *_name, size in samples())
    assert (record.items_synced, record.items_created, record.items_updated) == (2, 2, 0)
    assert record.sync_details.pop("duration_seconds") > 0
    assert [note[:19] for note in record.sync_details.pop("notes")] == ["Sizes are estimates"]
    assert record.sync_details == {
        "version": 1,
        "engine": "mysql",
        "server_version": mysql("SELECT VERSION()")[0][0],
        "databases": 2,
        "total_size_bytes": total,
        "not_sized": [],
    }


def test_the_session_says_who_collected_what(mariadb, django_user_model):
    make_postgresql("down", port=closed_port())
    user = django_user_model.objects.create(username="dba")

    collect(created_by=user, task_id="task-1")

    session = SyncSession.objects.values().get()
    expected = {
        "sync_type": "manual_task",
        "sync_category": "capacity",
        "status": "failed",
        "scope": "all",
        "lock_key": "capacity:collection",
        "total_instances": 2,
        "successful_instances": 1,
        "failed_instances": 1,
        "skipped_instances": 0,
        "created_by_id": user.pk,
        "task_id": "task-1",
        "error_code": "",
    }
    assert {name: session[name] for name in expected} == expected


def test_given_instances_that_cannot_be_collected_from_are_skipped_with_a_reason(mariadb):
    result = collect(
        make_postgresql("inactive", is_active=False),
        make_instance("hostless"),
        mariadb,
    )

    assert result.status == "completed"
    assert records() == [
        ("hostless", "skipped", "no_host", "The instance has no host: its samples are only pushed."),
        ("inactive", "skipped", "instance_inactive", "The instance is inactive."),
        ("maria", "completed", "", ""),
    ]
    assert result.message == "1 of 3 instances collected, 0 failed, 2 skipped."


def test_without_an_instance_to_collect_the_session_completes_and_says_so():
    make_instance("hostless")

    result = collect()

    assert (result.status, result.outcomes) == ("completed", ())
    assert result.message == "No instance to collect: add an active one that has a host."
    assert SyncSession.objects.get().total_instances == 0


def test_collecting_again_adds_samples_of_another_time(mariadb):
    collect()
    collect()

    assert DatabaseSizeStat.objects.values("collected_at").distinct().count() == 2
    assert DatabaseSizeStat.objects.count() == 4
    assert InstanceSizeStat.objects.get().database_count == 2


def test_two_collections_at_a_time_are_refused(mariadb):
    other = sync_session_service.create_session(
        sync_type="scheduled_task", sync_category="capacity", lock_key="capacity:collection"
    )

    with pytest.raises(SessionAlreadyRunning) as error:
        collect()

    assert error.value.session == other
    assert SyncSession.objects.count() == 1
    assert not samples()


def test_more_servers_than_workers_are_all_collected(mariadb):
    Instance.objects.bulk_create(
        Instance(
            name=f"maria {n}",
            db_type=DbType.MYSQL,
            host=HOST,
            port=MYSQL_PORT,
            username=mariadb.username,
            password="hunter2",
        )
        for n in range(9)
    )

    result = CollectionService(workers=2).collect(sync_type=SyncType.SCHEDULED_TASK)

    assert result.message == "10 of 10 instances collected, 0 failed, 0 skipped."
    assert DatabaseSizeStat.objects.count() == 20


def test_reasons_are_written_in_english_whatever_language_the_caller_speaks(mariadb):
    languages = []

    with translation.override("zh-hans"):
        collect(mariadb, on_outcome=lambda outcome: languages.append(translation.get_language()))

    assert languages == ["en"]


def test_what_was_measured_within_the_budget_is_stored_and_the_rest_named(pg, settings):
    settings.WHALEFALL_COLLECT_BUDGET = 3
    slow = f"{servers.PREFIX}slow"
    servers.postgresql(
        f"CREATE SCHEMA {slow}",
        f"GRANT USAGE ON SCHEMA {slow} TO PUBLIC",
        f"CREATE FUNCTION {slow}.pg_database_size(n name) RETURNS bigint LANGUAGE plpgsql AS "
        f"$$ BEGIN PERFORM pg_sleep(CASE n WHEN '{pg['open']}' THEN 30 ELSE 0 END); RETURN 1; END $$",
        f"ALTER ROLE {pg['user']} SET search_path = {slow}, pg_catalog",
    )
    try:
        result = CollectionService().collect(
            [make_postgresql(username=pg["user"], password="hunter2")], sync_type=SyncType.MANUAL_TASK
        )
    finally:
        servers.postgresql(f"ALTER ROLE {pg['user']} RESET search_path", f"DROP SCHEMA {slow} CASCADE")

    (outcome,) = result.outcomes
    assert outcome.status == "completed"
    assert ("pg", "postgres", 1) in samples()  # and others that the server may have
    reasons = {unsized.database: unsized.reason for unsized in outcome.not_sized}
    assert reasons[pg["open"]] == "It was not measured within the 3 s that one server has."

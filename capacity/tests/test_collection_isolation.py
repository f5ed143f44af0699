"""One bad server fails its own record and never hurts the others."""

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from capacity.collection.service import CollectionService
from capacity.models import DatabaseSizeStat, DbType
from capacity.periods import today
from capacity.tests.factories import make_instance
from capacity.tests.samples import LARGEST, add_sample
from sync_sessions.choices import SyncType
from sync_sessions.models import SyncInstanceRecord

from .servers import HOST, MYSQL_PORT, POSTGRESQL_PORT, closed_port, silent_server

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


def test_a_server_that_is_down_fails_its_record_only(mariadb):
    down = make_postgresql("down", port=closed_port())

    result = collect()

    text = f"Port {down.port} of 127.0.0.1 refuses connections: is the server running, and is the port right?"
    assert records() == [("down", "failed", "refused", text), ("maria", "completed", "", "")]
    assert {name for name, *_ in samples()} == {"maria"}
    assert result.message == "1 of 2 instances collected, 1 failed, 0 skipped."


def test_a_wrong_password_fails_its_record_only(mariadb):
    make_instance("wrong", db_type=DbType.MYSQL, host=HOST, port=MYSQL_PORT, username="root", password="no-t4-it")

    collect()

    text = f"127.0.0.1:{MYSQL_PORT} refuses the login of user root: check name and password."
    assert records() == [("maria", "completed", "", ""), ("wrong", "failed", "wrong_password", text)]


def test_a_server_that_never_answers_fails_its_record_only(mariadb):
    with silent_server() as port:
        make_postgresql("silent pg", port=port)
        make_instance("silent my", db_type=DbType.MYSQL, host=HOST, port=port, username="root")
        collect(connect_timeout=1)

    assert [(name, status, code) for name, status, code, _text in records()] == [
        ("maria", "completed", ""),
        ("silent my", "failed", "timeout"),
        ("silent pg", "failed", "timeout"),
    ]


def test_a_database_that_may_not_be_sized_is_named_and_the_others_are_stored(pg):
    collect(make_postgresql(username=pg["user"]))

    record = SyncInstanceRecord.objects.get()
    reason = f"User {pg['user']} may not size it: GRANT CONNECT ON DATABASE, or GRANT pg_read_all_stats."
    assert record.status == "completed"
    assert {"database": pg["closed"], "reason": reason} in record.sync_details["not_sized"]
    stored = {database for _name, database, _size in samples()}
    assert pg["open"] in stored
    assert pg["closed"] not in stored


def test_a_server_of_which_nothing_may_be_sized_fails(monkeypatch):
    monkeypatch.setattr(
        "capacity.collection.sources.postgresql.DATABASES",
        "SELECT * FROM (VALUES (1, '610a', false), (2, '6209', false)) v",
    )

    collect(make_postgresql())

    reason = "The name has a character that cannot be shown, U+000A: remove it."
    text = f"None of the 2 databases could be sized. The first one: {reason}"
    assert records() == [("pg", "failed", "nothing_sized", text)]


@pytest.mark.parametrize("host", ["/var/run/postgresql", "127.0.0.1,10.0.0.1", "u@127.0.0.1", "169.254.169.254"])
def test_a_host_that_is_refused_fails_its_record_only(mariadb, host):
    make_postgresql("bad", host=host)

    collect()

    assert [row[:3] for row in records()] == [("bad", "failed", "host_refused"), ("maria", "completed", "")]


def test_a_password_that_no_key_decrypts_fails_its_record_only(mariadb):
    make_postgresql("keyless")
    token = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE instances SET password = %s WHERE name = 'keyless'", [token])

    collect()

    text = "A stored password cannot be decrypted: add the key it was written with to WHALEFALL_FIELD_KEYS."
    assert records() == [("keyless", "failed", "field_key_missing", text), ("maria", "completed", "", "")]


def test_samples_that_ingest_refuses_fail_their_record_only(mariadb, my):
    other = make_postgresql()
    add_sample(mariadb, "x", today(), LARGEST)

    collect()

    (first, second) = records()
    assert first[:3] == ("maria", "failed", "samples_rejected")
    assert "add up to more than 9223372036854775807 bytes" in first[3]
    assert second == ("pg", "completed", "", "")
    assert DatabaseSizeStat.objects.filter(instance=mariadb).count() == 1
    assert DatabaseSizeStat.objects.filter(instance=other).exists()

"""The largest tables of a database, kept and compared with the time before."""

import threading
from contextlib import closing

import psycopg2
import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from capacity.collection.tables import TablesNotMeasured, growth, newest, take_snapshot
from capacity.models import DbType
from capacity.tests import servers
from capacity.tests.factories import make_instance
from capacity.tests.servers import HOST, MYSQL_PORT, POSTGRESQL_PORT, mysql, postgresql

pytestmark = [pytest.mark.live, pytest.mark.django_db]


@pytest.fixture(scope="module")
def database():
    name = f"{servers.PREFIX}tables"
    postgresql(f"CREATE DATABASE {name} TEMPLATE template0")
    postgresql(
        "CREATE TABLE large AS SELECT n, repeat('x', 500) AS t FROM generate_series(1, 20000) n",
        "CREATE TABLE small (n int)",
        "CREATE TABLE parts (n int) PARTITION BY LIST (n)",
        "CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1)",
        "CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (2)",
        "INSERT INTO parts SELECT 1 + n % 2 FROM generate_series(1, 100000) n",
        "CREATE SCHEMA s",
        "DO $$ BEGIN FOR n IN 1..120 LOOP EXECUTE 'CREATE TABLE s.t' || n || ' (n int)'; END LOOP; END $$",
        database=name,
    )
    yield name
    postgresql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def instance():
    return make_instance("pg", host=HOST, port=POSTGRESQL_PORT, username="postgres")


def exact(database, *tables):
    sizes = "+".join(f"pg_total_relation_size('{table}')" for table in tables)
    return postgresql(f"SELECT {sizes}", database=database)[0][0]


def test_the_largest_tables_are_measured_exactly_and_partitions_count_to_their_root(instance, database):
    snapshot = take_snapshot(instance, database)

    large, parts = exact(database, "large"), exact(database, "part_1", "part_2")
    assert snapshot.tables[:2] == [
        {"table": "public.large", "size_bytes": large},
        {"table": "public.parts", "size_bytes": parts},
    ]
    assert len(snapshot.tables) == 101
    assert snapshot.tables[-1].keys() == {"others", "size_bytes"}
    assert snapshot.total_bytes == sum(one["size_bytes"] for one in snapshot.tables)
    count = postgresql("SELECT COUNT(*) FROM pg_class WHERE relkind IN ('r', 'm')", database=database)[0][0]
    assert snapshot.tables[-1]["others"] == count - 1 - 100  # two parts are one table


def test_a_snapshot_is_compared_with_the_one_before(instance, database):
    take_snapshot(instance, database)
    postgresql("INSERT INTO large SELECT n, repeat('y', 500) FROM generate_series(1, 5000) n", database=database)
    postgresql("CREATE TABLE new AS SELECT repeat('z', 900) FROM generate_series(1, 9000)", database=database)

    take_snapshot(instance, database)

    now, before = newest(instance, database)
    rows = {row.table: row for row in growth(now, before)}
    assert rows["public.large"].grew_bytes == now.tables[0]["size_bytes"] - before.tables[0]["size_bytes"] > 2_000_000
    assert rows["public.parts"].grew_bytes == 0
    assert rows["public.new"].grew_bytes is None
    assert {row.grew_bytes for row in growth(before, None)} == {None}


@pytest.mark.parametrize("waiting", [False, True], ids=["held", "waited for"])
def test_a_table_that_somebody_locks_holds_nobody_up(instance, database, waiting):
    postgresql("VACUUM ANALYZE large", database=database)
    connections = [
        psycopg2.connect(host=HOST, port=POSTGRESQL_PORT, user="postgres", dbname=database) for _one in range(2)
    ]
    with closing(connections[0]) as holder, closing(connections[1]) as waiter:
        held = "ACCESS SHARE" if waiting else "ACCESS EXCLUSIVE"
        holder.cursor().execute(f"LOCK TABLE large IN {held} MODE")
        if waiting:
            sql = "LOCK TABLE large IN ACCESS EXCLUSIVE MODE"
            thread = threading.Thread(target=lambda: waiter.cursor().execute(sql), daemon=True)
            thread.start()
            while not postgresql("SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"):
                pass
        snapshot = take_snapshot(instance, database)
        holder.rollback()
        if waiting:
            thread.join()

    assert snapshot.tables[0]["table"] == "public.large"


def test_a_mysql_schema_has_its_tables(instance):
    with servers.scratch_mysql() as names:
        mysql(f"ANALYZE TABLE `{names['full']}`.plain")
        maria = make_instance("maria", db_type=DbType.MYSQL, host=HOST, port=MYSQL_PORT, username="root")
        snapshot = take_snapshot(maria, names["full"])

    assert {"ta#b-lé", "plain", "isam"} <= {one["table"] for one in snapshot.tables}
    assert snapshot.total_bytes == sum(one["size_bytes"] for one in snapshot.tables)


def test_what_cannot_be_measured_is_a_sentence(instance):
    oracle = make_instance("ora", db_type=DbType.ORACLE, host=HOST, username="u")
    with pytest.raises(TablesNotMeasured, match="Tables are measured on PostgreSQL"):
        take_snapshot(oracle, "USERS")
    with pytest.raises(TablesNotMeasured, match="has no such database any more"):
        take_snapshot(instance, "no_such_database")


def test_the_api_measures_and_tells_what_grew(instance, database, admin_user):
    client = APIClient()
    client.force_authenticate(admin_user)
    url = f"/api/v1/instances/{instance.pk}/tables/"

    assert client.get(url, {"database_name": database}).status_code == 404
    first = client.post(url, {"database_name": database}, format="json").json()
    assert (first["before"], first["grew_bytes"], first["taken_by"]) == (None, None, "admin")
    second = client.post(url, {"database_name": database}, format="json").json()
    assert (second["before"], second["grew_bytes"]) == (first["taken_at"], 0)
    assert second["tables"][0] == {
        "table": "public.large",
        "size_bytes": first["tables"][0]["size_bytes"],
        "grew_bytes": 0,
        "others": 0,
    }
    assert client.get(url, {"database_name": database}).json() == second
    refused = client.post(url, {"database_name": "no_such_database"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "tables_not_measured")
    assert "has no such database any more" in refused.json()["detail"]


def test_the_page_measures_and_shows_what_grew(instance, database, admin_client):
    url = reverse("admin:capacity_instance_largest_tables", args=[instance.pk])

    assert "have not been measured yet" in admin_client.get(url, {"database": database}).content.decode()
    page = admin_client.post(url, {"database": database}, follow=True).content.decode()
    assert "public.large" in page
    assert "There is no snapshot before it to compare with." in page
    page = admin_client.post(url, {"database": database}, follow=True).content.decode()
    assert "Compared with " in page
    page = admin_client.post(url, {"database": "no_such_database"}, follow=True).content.decode()
    assert "has no such database any more" in page

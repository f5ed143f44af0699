"""What the adapters measure on the local PostgreSQL and MariaDB."""

from glob import glob
from pathlib import Path

import psycopg2
import pytest

from capacity.collection.sources import ADAPTERS, NotCollected, Target, Unsized, adapter_for
from capacity.collection.sources.mysql import MySQLAdapter
from capacity.collection.sources.postgresql import PostgreSQLAdapter
from capacity.models import DbType

from . import servers
from .servers import measured, mysql, opened, postgresql

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def pg():
    with servers.scratch_postgresql() as names:
        yield names


@pytest.fixture(scope="module")
def my():
    with servers.scratch_mysql() as names:
        yield names


def sizes(measurement):
    return {size.database_name: size.size_bytes for size in measurement.databases}


# What PostgreSQL gives


def test_postgresql_gives_the_size_of_each_database_and_no_template(pg):
    measurement = measured(DbType.POSTGRESQL)

    found = sizes(measurement)
    ((expected,),) = postgresql(f"SELECT pg_database_size('{pg['closed']}')")
    assert found[pg["closed"]] == expected
    assert "postgres" in found
    assert not found.keys() & {"template0", "template1"}
    assert {(size.data_size_bytes, size.log_size_bytes) for size in measurement.databases} == {(None, None)}
    assert measurement.server_version == postgresql("SHOW server_version")[0][0]


def test_a_postgresql_database_the_role_may_not_size_is_named_and_the_others_are_sized(pg):
    measurement = measured(DbType.POSTGRESQL, user=pg["user"])

    reason = f"User {pg['user']} may not size it: GRANT CONNECT ON DATABASE, or GRANT pg_read_all_stats."
    assert Unsized(pg["closed"], reason) in measurement.not_sized
    assert pg["open"] in sizes(measurement)
    assert pg["closed"] not in sizes(measurement)


def test_a_postgresql_role_with_pg_read_all_stats_sizes_databases_it_may_not_connect_to(pg):
    postgresql(f"GRANT pg_read_all_stats TO {pg['user']}")
    try:
        assert pg["closed"] in sizes(measured(DbType.POSTGRESQL, user=pg["user"]))
    finally:
        postgresql(f"REVOKE pg_read_all_stats FROM {pg['user']}")


def test_a_postgresql_database_that_allows_no_connections_is_left_out(pg):
    postgresql(f"ALTER DATABASE {pg['open']} ALLOW_CONNECTIONS false")
    try:
        assert pg["open"] not in sizes(measured(DbType.POSTGRESQL))
    finally:
        postgresql(f"ALTER DATABASE {pg['open']} ALLOW_CONNECTIONS true")


def test_a_database_whose_name_no_sample_may_have_is_named_and_the_others_are_sized(pg):
    name = f"{servers.PREFIX}line\u202efeed\n"
    postgresql(f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        measurement = measured(DbType.POSTGRESQL)
    finally:
        postgresql(f'DROP DATABASE "{name}"')

    reason = "The name has a character that cannot be shown, U+202E: remove it."
    assert Unsized(f"{servers.PREFIX}line\\u202efeed\\n", reason) in measurement.not_sized
    assert pg["open"] in sizes(measurement)


def test_a_database_dropped_meanwhile_is_no_error():
    with opened(DbType.POSTGRESQL) as server:
        assert server.size("no such database") is None


def test_postgresql_sees_a_connection_of_whalefall_that_can_only_read():
    with opened(DbType.POSTGRESQL) as server:
        assert server._rows("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()") == [
            ("whalefall",)
        ]
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            server._rows("CREATE TABLE written (id int)")


# What MySQL and MariaDB give


def files(schema):
    """The bytes of the files of a schema, of tables that have some; the directory's name is encoded."""
    ((directory,),) = mysql("SELECT @@datadir")
    start = schema[: schema.index("ü")] if "ü" in schema else schema
    paths = [Path(path) for path in glob(f"{directory}{start}*/*")]
    return sum(path.stat().st_size for path in paths if path.suffix in (".ibd", ".MYD", ".MYI"))


def test_mysql_gives_the_size_of_the_files_of_each_schema(my):
    mysql(
        f"INSERT INTO `{my['full']}`.`ta#b-lé` "
        "SELECT ROW_NUMBER() OVER (), REPEAT('x', 900) FROM information_schema.COLLATIONS a, "
        "(SELECT 1 FROM information_schema.COLLATIONS LIMIT 10) b LIMIT 2000"
    )

    measurement = measured(DbType.MYSQL)

    assert sizes(measurement)[my["full"]] == files(my["full"]) > 2_000_000
    assert measurement.server_version == mysql("SELECT VERSION()")[0][0]
    assert measurement.notes == ()


def test_an_empty_mysql_schema_has_size_0(my):
    assert sizes(measured(DbType.MYSQL))[my["empty"]] == 0


def test_the_schemas_of_the_mysql_server_itself_are_left_out():
    assert not sizes(measured(DbType.MYSQL)).keys() & {"mysql", "sys", "information_schema", "performance_schema"}


def test_a_mysql_user_without_process_gets_estimates_and_is_told(my):
    mysql(f"ANALYZE TABLE `{my['full']}`.plain")

    measurement = measured(DbType.MYSQL, user=my["user"], password="hunter2")

    ((expected,),) = mysql(
        "SELECT SUM(DATA_LENGTH + INDEX_LENGTH) FROM information_schema.TABLES "
        f"WHERE TABLE_SCHEMA = '{my['full']}' AND ENGINE IN ('InnoDB', 'MyISAM')"
    )
    assert sizes(measurement) == {my["empty"]: 0, my["full"]: expected}
    assert [note[:23] for note in measurement.notes] == ["Sizes are estimates fro"]


def test_a_mysql_table_in_the_shared_tablespace_counts_by_its_own_size(my):
    before = sizes(measured(DbType.MYSQL))[my["full"]]
    ((usual,),) = mysql("SELECT @@innodb_file_per_table")
    mysql("SET GLOBAL innodb_file_per_table = 0", f"CREATE TABLE `{my['full']}`.shared (id int PRIMARY KEY)")
    try:
        assert sizes(measured(DbType.MYSQL))[my["full"]] == before + 16384
    finally:
        mysql(f"SET GLOBAL innodb_file_per_table = {usual}", f"DROP TABLE `{my['full']}`.shared")


def test_mysql_is_only_read():
    with opened(DbType.MYSQL) as server, pytest.raises(Exception, match="READ ONLY|read only"):
        server._rows("CREATE DATABASE written")


@pytest.mark.parametrize(("engine", "name"), [(DbType.SQLSERVER, "SQL Server"), (DbType.ORACLE, "Oracle")])
def test_an_engine_without_adapter_says_what_to_do(engine, name):
    with pytest.raises(NotCollected) as error:
        adapter_for(engine)

    assert error.value.code == "engine_not_supported"
    assert str(error.value) == f"Collection from {name} is not available: import its samples by CSV."


def test_a_target_never_shows_its_password():
    assert "hunter2" not in repr(Target("db", 5432, "x", "hunter2"))


def test_adapters_are_registered_by_db_type():
    assert {"postgresql": PostgreSQLAdapter, "mysql": MySQLAdapter} == ADAPTERS

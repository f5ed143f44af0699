"""What is measured on the local PostgreSQL."""

import psycopg2
import pytest

from capacity.collection.sources import Target, Unsized
from capacity.models import DbType
from capacity.tests import servers
from capacity.tests.servers import measured, opened, postgresql

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def pg():
    with servers.scratch_postgresql() as names:
        yield names


def sizes(measurement):
    return {size.database_name: size.size_bytes for size in measurement.databases}


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


@pytest.mark.parametrize(("option", "usual"), [("ALLOW_CONNECTIONS false", "true"), ("IS_TEMPLATE true", "false")])
def test_a_postgresql_database_that_nobody_works_in_is_sized(pg, option, usual):
    postgresql(f"ALTER DATABASE {pg['open']} {option}")
    try:
        assert pg["open"] in sizes(measured(DbType.POSTGRESQL))
    finally:
        postgresql(f"ALTER DATABASE {pg['open']} {option.split()[0]} {usual}")


def test_what_an_interrupted_drop_left_behind_is_named(pg):
    postgresql(f"UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{pg['open']}'")
    try:
        measurement = measured(DbType.POSTGRESQL)
    finally:
        postgresql(f"UPDATE pg_database SET datconnlimit = -1 WHERE datname = '{pg['open']}'")

    reason = "An interrupted DROP DATABASE left it behind: drop it again."
    assert Unsized(pg["open"], reason) in measurement.not_sized
    assert pg["open"] not in sizes(measurement)


def test_a_postgresql_name_that_is_not_utf8_is_shown_as_its_bytes_and_sized():
    latin, odd = f"{servers.PREFIX}latin", f"{servers.PREFIX}caf é"
    encoded = "TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
    postgresql(f"CREATE DATABASE {latin} {encoded}")
    try:
        postgresql(f'CREATE DATABASE "{odd}" {encoded}', database=latin)  # so the shared catalogue has it in Latin-1
        try:
            ((expected,),) = postgresql(f"SELECT pg_database_size('{odd}')", database=latin)
            measurement = measured(DbType.POSTGRESQL)
        finally:
            postgresql(f'DROP DATABASE "{odd}"', database=latin)
    finally:
        postgresql(f"DROP DATABASE {latin}")

    shown = f"{servers.PREFIX}caf \\xe9"
    assert sizes(measurement)[shown] == expected
    assert f"The name {shown} is not UTF-8: what cannot be read of it is shown as its bytes." in measurement.notes
    assert "postgres" in sizes(measurement)


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


def test_a_postgresql_database_dropped_meanwhile_has_no_sample():
    name = f"{servers.PREFIX}dropped"
    postgresql(f"CREATE DATABASE {name} TEMPLATE template0")
    with opened(DbType.POSTGRESQL) as server:
        assert name in server.database_names()
        postgresql(f"DROP DATABASE {name}")
        assert server.size(name) is None


def test_postgresql_sees_a_connection_of_whalefall_that_can_only_read():
    with opened(DbType.POSTGRESQL) as server:
        assert server._rows("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()") == [
            ("whalefall",)
        ]
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            server._rows("CREATE TABLE written (id int)")


def test_a_target_never_shows_its_password():
    assert "hunter2" not in repr(Target("db", 5432, "x", "hunter2"))

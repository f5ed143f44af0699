"""What goes wrong with a server, in sentences for a DBA: against the local servers and some that misbehave."""

import threading

import pytest

from capacity.collection.measuring import measure_one
from capacity.collection.sources import SOURCES, CollectionError
from capacity.models import DbType
from capacity.tests import servers
from capacity.tests.servers import (
    HOST,
    MYSQL_PORT,
    ROOT,
    closed_port,
    freezing_proxy,
    measured,
    mysql,
    opened,
    postgresql,
    postgresql_refusing,
    serving,
    silent_server,
    target,
)

pytestmark = pytest.mark.live

both_engines = pytest.mark.parametrize("engine", list(ROOT))


def refusal(engine, **fields):
    with pytest.raises(CollectionError) as error:
        measured(engine, **fields)
    return error.value.code, str(error.value)


@both_engines
def test_a_closed_port_refuses(engine):
    port = closed_port()

    assert refusal(engine, port=port) == (
        "refused",
        f"Port {port} of 127.0.0.1 refuses connections: is the server running, and is the port right?",
    )


@both_engines
def test_a_server_that_accepts_and_never_answers_times_out(engine):
    with silent_server() as port:
        code, text = refusal(engine, port=port, connect_timeout=0.3)

    assert code == "timeout"
    assert text.startswith(f"127.0.0.1:{port} did not answer within 0.3 s: is it a ")


@both_engines
def test_a_server_that_stops_answering_in_the_middle_times_out(engine):
    with (
        freezing_proxy(ROOT[engine][1]) as (port, frozen),
        opened(engine, port=port, connect_timeout=0.5, statement_timeout=0.1) as server,
    ):
        name = server.database_names()[0]
        frozen.set()
        with pytest.raises(CollectionError) as error:
            server.size(name)

    assert (error.value.code, str(error.value)) == (
        "timeout",
        f"127.0.0.1:{port} stopped answering: no reply to a query within 0.1 s.",
    )


@both_engines
def test_a_long_statement_is_ended_by_the_server_and_the_connection_lives_on(engine):
    sleep = "SELECT pg_sleep(30)" if engine == DbType.POSTGRESQL else "SELECT SLEEP(30) FROM information_schema.TABLES"
    with opened(engine, statement_timeout=0.2, connect_timeout=10) as server:
        with pytest.raises(Exception, match="timeout|max_statement_time|maximum statement execution time"):
            server._rows(sleep)
        assert int(server._rows("SELECT 1")[0][0]) == 1


@both_engines
def test_a_statement_may_take_longer_than_connecting(engine):
    sleep = "SELECT pg_sleep(0.8)" if engine == DbType.POSTGRESQL else "SELECT SLEEP(0.8)"
    with opened(engine, statement_timeout=10, connect_timeout=0.5) as server:
        assert len(server._rows(sleep)) == 1


def test_a_postgresql_connection_that_is_ended_fails_the_server():
    with opened(DbType.POSTGRESQL) as server:
        name = server.database_names()[0]
        ((pid,),) = server._rows("SELECT pg_backend_pid()")
        postgresql(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(CollectionError) as error:
            server.size(name)

    assert error.value.code == "connection_lost"
    assert str(error.value).startswith("127.0.0.1:5432 failed in the middle of the collection. (")


def test_a_mysql_connection_that_is_ended_fails_the_server():
    with opened(DbType.MYSQL) as server:
        ((pid,),) = server._rows("SELECT CONNECTION_ID()")
        mysql(f"KILL {int(pid)}")
        with pytest.raises(CollectionError) as error:
            server.size("mysql")

    assert error.value.code == "connection_lost"


def test_a_wrong_mysql_password_is_not_repeated(my):
    assert refusal(DbType.MYSQL, user=my["user"], password="no-t4-it 密") == (
        "wrong_password",
        f"127.0.0.1:{MYSQL_PORT} refuses the login of user {my['user']}: check name and password.",
    )


def test_a_wrong_postgresql_password_is_not_repeated():
    with serving(postgresql_refusing('password authentication failed for user "x"')) as port:
        code, text = refusal(DbType.POSTGRESQL, port=port, user="x", password="no-t4-it")

    assert (code, text) == (
        "wrong_password",
        f"127.0.0.1:{port} refuses the login of user x: check name and password.",
    )


def test_a_server_that_shouts_the_password_back_is_not_quoted_with_it():
    words = "mot de passe no-t4-it refusé\x1b[31m, " + "x" * 2000
    with serving(postgresql_refusing(words, sqlstate="XX000")) as port:
        code, text = refusal(DbType.POSTGRESQL, port=port, password="no-t4-it")

    assert code == "connection_failed"
    assert "no-t4-it" not in text
    assert "mot de passe ****" in text
    assert text.isprintable()
    assert len(text) < 700


@pytest.mark.parametrize(
    ("words", "sqlstate", "code"),
    [
        ("用户 x Password 认证失败".encode("gbk"), "28P01", "wrong_password"),
        ("数据库 x 不存在".encode("gbk"), "3D000", "unknown_database"),
        ("refusé, désolé".encode("latin-1"), "XX000", "connection_failed"),
        (b"\xff\xfe\xfd", "XX000", "connection_failed"),
        (b"x" * 40_000, "XX000", "connection_failed"),  # of which the driver tells nothing
    ],
)
def test_what_a_postgresql_says_in_any_encoding_is_a_sentence(words, sqlstate, code):
    with serving(postgresql_refusing(words, sqlstate)) as port:
        found, text = refusal(DbType.POSTGRESQL, port=port)

    assert found == code
    assert text.startswith(f"127.0.0.1:{port} ")
    assert "Unicode" not in text
    assert "()" not in text


@both_engines
def test_an_unknown_database_to_connect_to_is_named_as_the_cause(engine):
    code, text = refusal(engine, database="no_such_database")

    assert (code, text) == (
        "unknown_database",
        f"127.0.0.1:{ROOT[engine][1]} has no such database to connect to: correct it, or leave it empty.",
    )


def test_a_postgresql_database_the_role_may_not_connect_to_is_a_missing_privilege(pg):
    assert refusal(DbType.POSTGRESQL, user=pg["user"], database=pg["closed"]) == (
        "missing_privilege",
        f"User {pg['user']} may not connect to that database: GRANT CONNECT, or name another one.",
    )


@both_engines
def test_something_else_behind_the_port_fails(engine):
    def http(connection):
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(100)

    with serving(http) as port:
        code, _text = refusal(engine, port=port, connect_timeout=0.5)

    assert code in ("connection_failed", "timeout")


def test_a_mysql_server_is_not_taken_for_a_postgresql_one():
    assert refusal(DbType.POSTGRESQL, port=MYSQL_PORT) == (
        "connection_failed",
        f"127.0.0.1:{MYSQL_PORT} does not answer like a PostgreSQL server: is it one, and is the port right?",
    )


@both_engines
def test_without_a_user_name_nothing_is_connected_to(engine):
    assert refusal(engine, user="") == (
        "no_user",
        "The instance has no user name: set the one to collect with.",
    )


@both_engines
def test_the_next_address_of_a_name_is_tried(engine, monkeypatch):
    monkeypatch.setattr("capacity.collection.measuring.check_host", lambda host: ["127.0.0.2", HOST])

    with freezing_proxy(ROOT[engine][1]) as (port, _frozen):  # listens on 127.0.0.1 alone
        assert measured(engine, host="db.example", port=port).server_version


@both_engines
def test_the_checked_address_is_connected_to_and_the_name_not_looked_up_again(engine, monkeypatch):
    monkeypatch.setattr("capacity.collection.measuring.check_host", lambda host: [HOST])

    assert measured(engine, host="resolves-to-nothing.invalid").server_version


@both_engines
def test_a_server_has_a_budget_of_time(engine, my):
    source = SOURCES[engine](target(engine, time_budget=-1))
    source.end += 60  # so that the gate lets it begin

    with pytest.raises(CollectionError) as error:
        measure_one(source, threading.Event())

    assert error.value.code == "timeout"
    assert str(error.value).startswith("The server was not measured within -1 s: 0 of ")


@both_engines
def test_a_measuring_that_is_stopped_ends_at_the_next_database(engine, my):
    stop = threading.Event()
    stop.set()

    with pytest.raises(CollectionError) as error:
        measure_one(SOURCES[engine](target(engine)), stop)
    assert error.value.code == "cancelled"


@pytest.mark.parametrize("database", ["dbname=postgres host=10.0.0.1", "postgres://10.0.0.1/x", "postgresql://x"])
def test_postgresql_refuses_a_connection_string_for_a_database(database):
    assert refusal(DbType.POSTGRESQL, database=database) == (
        "unknown_database",
        "The database to connect to must be a name, nothing else.",
    )


def test_no_password_of_this_machine_is_sent_to_a_postgresql(monkeypatch, tmp_path):
    passwords = tmp_path / "pgpass"
    passwords.write_text("*:*:*:*:of-this-machine\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    monkeypatch.setenv("PGPASSWORD", "of-this-machine")
    heard, answered = [], threading.Event()

    def ask_for_md5(connection):
        connection.recv(8)
        connection.sendall(b"N")
        connection.recv(4096)
        connection.sendall(servers.postgresql_message(b"R", (5).to_bytes(4, "big") + b"salt"))
        heard.append(connection.recv(4096))
        answered.set()

    with serving(ask_for_md5) as port:
        refusal(DbType.POSTGRESQL, port=port)
        answered.wait(10)

    assert heard == [b""]  # no answer to the question

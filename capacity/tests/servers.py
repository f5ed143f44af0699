"""Servers to collect from: the local PostgreSQL and MariaDB (or MySQL), and some that misbehave."""

import os
import socket
import threading
from contextlib import closing, contextmanager, suppress

import psycopg2
import pymysql

from capacity.collection.measuring import measure_one
from capacity.collection.sources import SOURCES, Target
from capacity.models import DbType
from whalefall.tests.needs import MYSQL_PORT, POSTGRESQL_PORT

HOST = "127.0.0.1"
ROOT = {DbType.POSTGRESQL: ("postgres", POSTGRESQL_PORT), DbType.MYSQL: ("root", MYSQL_PORT)}
PREFIX = f"scratch_{os.getpid()}_"


def postgresql(*statements, database="postgres"):
    """Runs the statements as the superuser; gives the rows of the last one, if it has any."""
    connection = psycopg2.connect(host=HOST, port=POSTGRESQL_PORT, user="postgres", dbname=database)
    with closing(connection):
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def mysql(*statements):
    """Runs the statements as root; gives the rows of the last one."""
    connection = pymysql.connect(host=HOST, port=MYSQL_PORT, user="root", charset="utf8mb4", autocommit=True)
    with closing(connection), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


def target(engine, **fields):
    user, port = ROOT.get(engine, ("", None))
    return Target(
        **{"host": HOST, "port": port, "user": user, "connect_timeout": 5, "statement_timeout": 20, **fields}
    )


def measured(engine, **fields):
    """The measurement of the local server of that engine, as root unless told otherwise."""
    return measure_one(SOURCES[engine](target(engine, **fields)), threading.Event())


def opened(engine, **fields):
    """A context manager that gives the source, connected."""
    source = SOURCES[engine](target(engine, **fields))
    source.open(HOST)
    return closing(source)


@contextmanager
def scratch_postgresql():
    """Two databases, and a role that may connect to the first of them only; gives a dict of their names."""
    open_, closed, user = (PREFIX + name for name in ("open", "closed", "user"))
    drop = [f"DROP DATABASE IF EXISTS {open_}", f"DROP DATABASE IF EXISTS {closed}", f"DROP ROLE IF EXISTS {user}"]
    try:
        postgresql(
            *drop,
            f"CREATE DATABASE {open_} TEMPLATE template0",
            f"CREATE DATABASE {closed} TEMPLATE template0",
            f"CREATE ROLE {user} LOGIN PASSWORD 'hunter2'",
            f"REVOKE CONNECT ON DATABASE {closed} FROM PUBLIC",
        )
        yield {"open": open_, "closed": closed, "user": user}
    finally:
        postgresql(*drop)


@contextmanager
def scratch_mysql():
    """A schema with tables, an empty one, and a user (password hunter2) that sees these two only."""
    full, empty, user = PREFIX + "fü-ll中", PREFIX + "empty", PREFIX + "user"
    drop = [f"DROP DATABASE IF EXISTS `{full}`", f"DROP DATABASE IF EXISTS {empty}", f"DROP USER IF EXISTS {user}"]
    try:
        mysql(
            *drop,
            f"CREATE DATABASE `{full}`",
            f"CREATE DATABASE {empty}",
            f"CREATE TABLE `{full}`.`ta#b-lé` (id int PRIMARY KEY, text varchar(1000)) "
            "PARTITION BY HASH(id) PARTITIONS 3",
            f"CREATE TABLE `{full}`.plain (id int PRIMARY KEY) ENGINE=InnoDB",
            f"CREATE TABLE `{full}`.isam (id int PRIMARY KEY) ENGINE=MyISAM",
            f"CREATE TABLE `{full}`.merged (id int PRIMARY KEY) ENGINE=MERGE UNION=(`{full}`.isam)",
            f"CREATE VIEW `{full}`.seen AS SELECT id FROM `{full}`.plain",
            f"INSERT INTO `{full}`.isam VALUES (1), (2), (3)",
            f"CREATE USER {user} IDENTIFIED BY 'hunter2'",
            *(
                f"GRANT SELECT ON `{name}`.* TO {user}"
                for name in (full.replace("_", r"\_"), empty.replace("_", r"\_"))
            ),
        )
        yield {"full": full, "empty": empty, "user": user}
    finally:
        mysql(*drop)


def closed_port():
    """A port of this machine that nobody listens on."""
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        return unused.getsockname()[1]


@contextmanager
def silent_server():
    """Accepts connections and never says a word; gives its port."""
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def serving(talk):
    """A server that handles every connection with `talk(socket)`; gives its port."""
    with socket.create_server((HOST, 0)) as listener:

        def answer(connection):
            with connection, suppress(OSError):  # it is hung up on
                talk(connection)

        def serve():
            while True:
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=[connection], daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def freezing_proxy(port):
    """Passes a connection on to the local `port`; gives its own port and an event that stops all passing."""
    frozen = threading.Event()

    def pump(source, sink):
        try:
            while data := source.recv(65536):
                if frozen.is_set():
                    continue
                sink.sendall(data)
        except OSError:
            pass

    def talk(client):
        with socket.create_connection((HOST, port)) as server:
            threading.Thread(target=pump, args=[server, client], daemon=True).start()
            pump(client, server)

    with serving(talk) as own:
        yield own, frozen


def postgresql_message(kind, body):
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def postgresql_refusing(message, sqlstate="28P01"):
    """For serving(): refuses every login with `message`, text or bytes."""
    words = message if isinstance(message, bytes) else message.encode()

    def talk(connection):
        connection.recv(8)  # may we speak TLS?
        connection.sendall(b"N")
        connection.recv(4096)  # who we are
        fields = b"SFATAL\0VFATAL\0C" + sqlstate.encode() + b"\0M" + words + b"\0\0"
        connection.sendall(postgresql_message(b"E", fields))

    return talk

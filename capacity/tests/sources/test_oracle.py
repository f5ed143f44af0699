"""Oracle, at the border of the driver: what it is called with, and recorded rows and errors that it gives back.

No server speaks Oracle's protocol for tests, so nothing here shows that a real one answers like this.
"""

import re

import oracledb
import pytest

from capacity.collection.sources import CollectionError, DatabaseSize, Unsized
from capacity.collection.sources.oracle import CLOSED, CONTAINER, OF_CONTAINERS, TABLESPACES
from capacity.models import DbType
from capacity.tests.servers import HOST, measured, silent_server

GIB = 1024**3
PLAIN = {
    CONTAINER: [("0",)],
    TABLESPACES: [
        ("SYSTEM", 2 * GIB, 32 * GIB, 1, 1),
        ("TEMP", GIB, GIB, 1, 1),
        ("USERS", 40 * GIB, 96 * GIB, 3, 3),
        ("ARCHIVE", GIB, GIB, 2, 1),
    ],
}
ROOT = {
    CONTAINER: [("1",)],
    OF_CONTAINERS: [("CDB$ROOT.SYSTEM", GIB, GIB, 1, 1), ("ERP.用户", 5 * GIB, 9 * GIB, 1, 1)],
    CLOSED: [("OLD", "MOUNTED")],
}


class Answered:
    """Of the class of the driver's errors, with its number."""

    def __init__(self, code, text):
        self.full_code, self.text = code, text

    def __str__(self):
        return f"{self.full_code}: {self.text}"


class Connection:
    version = "19.21.0.0.0"

    def __init__(self, rows):
        self.answers = rows

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def execute(self, sql):
        self.found = self.answers[sql]
        if isinstance(self.found, Exception):
            raise self.found

    def fetchmany(self, size):
        return self.found

    def close(self):
        self.answers = None


@pytest.fixture
def driver(monkeypatch):
    """Plays `rows`, or raises `error` when connected to; keeps what it was called with."""

    class Driver:
        rows, error, given = PLAIN, None, None

        def connect(self, **given):
            self.given = given
            if self.error:
                raise self.error
            return Connection(self.rows)

    driver = Driver()
    monkeypatch.setattr(oracledb, "connect", driver.connect)
    return driver


def measurement(**fields):
    with silent_server() as port:
        return measured(DbType.ORACLE, port=port, **{"user": "wf", "password": "p4ss", "database": "ORCL", **fields})


def refusal(**fields):
    with pytest.raises(CollectionError) as error:
        measurement(**fields)
    return error.value.code, re.sub(r"127\.0\.0\.1:\d+", "SERVER", str(error.value))


def test_it_gives_size_and_limit_of_each_tablespace(driver):
    found = measurement()

    assert found.server_version == "19.21.0.0.0"
    assert found.databases == (
        DatabaseSize("SYSTEM", 2 * GIB, 2 * GIB, None, 32 * GIB),
        DatabaseSize("TEMP", GIB, GIB, None, GIB),
        DatabaseSize("USERS", 40 * GIB, 40 * GIB, None, 96 * GIB),
    )
    assert found.not_sized == (Unsized("ARCHIVE", "1 of its 2 files are offline."),)


def test_from_the_root_of_a_container_database_it_gives_those_of_all_containers(driver):
    driver.rows = ROOT

    found = measurement()

    assert [size.database_name for size in found.databases] == ["CDB$ROOT.SYSTEM", "ERP.用户"]
    assert found.not_sized == (Unsized("OLD", "The container is mounted: open it."),)


@pytest.mark.parametrize(
    ("database", "given"), [("erp.example", {"service_name": "erp.example"}), ("sid:ORCL", {"sid": "ORCL"})]
)
def test_a_service_name_or_a_sid_can_be_named(driver, database, given):
    measurement(database=database)

    assert {name: driver.given[name] for name in ("service_name", "sid") if name in driver.given} == given
    assert (driver.given["host"], driver.given["user"], driver.given["protocol"]) == (HOST, "wf", "tcp")


@pytest.mark.parametrize("database", ["", "sid:"])
def test_without_a_service_name_it_asks_for_one(driver, database):
    assert refusal(database=database) == (
        "unknown_database",
        "Give the service name of the database to connect to, or sid:NAME.",
    )
    assert driver.given is None


@pytest.mark.parametrize(("mode", "checked"), [("require", False), ("verify-full", True)])
def test_tls_is_spoken_with_the_name_of_the_instance(driver, mode, checked):
    measurement(tls_mode=mode)

    context = driver.given["ssl_context"]
    assert (driver.given["protocol"], context.check_hostname, context.host) == ("tcps", checked, HOST)


@pytest.mark.parametrize(
    ("number", "code", "sentence"),
    [
        ("ORA-01017", "wrong_password", "SERVER refuses the login of user wf: check name and password."),
        ("ORA-28001", "wrong_password", "The password of user wf on SERVER has expired: set a new one."),
        (
            "DPY-6001",
            "unknown_database",
            "SERVER knows no such service or SID: correct the database to connect to (a service name, or sid:NAME).",
        ),
        (
            "DPY-3010",
            "too_old",
            "SERVER is older than Oracle 12.1, which cannot be collected: import its samples by CSV.",
        ),
        (
            "DPY-3015",
            "wrong_password",
            "SERVER wants a password of the old 10G kind, which WhaleFall's driver does not have: set the user's "
            "password anew, with SQLNET.ALLOWED_LOGON_VERSION 12.",
        ),
        ("ORA-00600", "connection_failed", "SERVER could not be connected to. (ORA-00600: of **** and more)"),
    ],
)
def test_what_it_answers_to_a_login_is_a_sentence(driver, number, code, sentence):
    driver.error = oracledb.DatabaseError(Answered(number, "of p4ss and more"))

    assert refusal() == (code, sentence)


def test_without_the_right_to_the_views_it_fails_with_the_grant(driver):
    driver.rows = {**PLAIN, TABLESPACES: oracledb.DatabaseError(Answered("ORA-00942", "table or view does not exist"))}

    code, text = refusal()

    assert code == "missing_privilege"
    assert "GRANT SELECT ON DBA_DATA_FILES, DBA_TEMP_FILES" in text


def test_a_server_that_says_nothing_is_hung_up():
    code, text = refusal(connect_timeout=0.4)

    assert (code, text[:33]) == ("timeout", "SERVER did not answer within 0.4 ")

"""TLS by tls_mode and tls_ca, on every engine."""

import re
from datetime import timedelta

import pytest

from capacity.collection.sources import CollectionError
from capacity.collection.sources.mysql.errors import CONNECT_ERRORS as OF_MYSQL
from capacity.collection.sources.oracle.errors import CONNECT_ERRORS as OF_ORACLE
from capacity.collection.sources.postgresql.errors import CONNECT_ERRORS as OF_POSTGRESQL
from capacity.collection.sources.sqlserver import CONNECT_ERRORS as OF_SQLSERVER
from capacity.models import DbType
from capacity.tests.servers import HOST, measured, serving

from . import hostile
from .certificates import Authority, server_context


@pytest.fixture(scope="module")
def authority():
    return Authority()


def postgresql(context, seen):
    """Speaks TLS when it has a context; the modes of the connections go to `seen`."""

    def talk(connection):
        if not hostile.asked_for_tls(connection):
            seen.append("plain")
            return hostile.postgresql_session(connection, hostile.postgresql_nothing)
        connection.sendall(b"S" if context else b"N")
        seen.append("TLS" if context else "plain")
        with context.wrap_socket(connection, server_side=True) if context else connection as line:
            hostile.postgresql_session(line, hostile.postgresql_nothing)
        return None

    return talk


def mysql(context, seen):
    def talk(connection):
        connection.sendall(hostile.greeting(tls=bool(context)))
        start = connection.recv(36)
        encrypted = context and start[5] & 0x08  # CLIENT_SSL
        seen.append("TLS" if encrypted else "plain")
        with context.wrap_socket(connection, server_side=True) if encrypted else connection as line:
            line.recv(4096)
            hostile.mysql_session(line, hostile.mysql_nothing, 3 if encrypted else 2)

    return talk


ENGINES = {DbType.POSTGRESQL: postgresql, DbType.MYSQL: mysql}
engines = pytest.mark.parametrize("engine", list(ENGINES))


def attempt(engine, context, **fields):
    """What came of it ("ok", or the code of the error), and whether TLS was spoken."""
    seen = []
    with serving(ENGINES[engine](context, seen)) as port:
        try:
            measured(engine, port=port, user="u", password="p", connect_timeout=2, **fields)
        except CollectionError as error:
            print(error)
            return error.code, seen
    return "ok", seen


@engines
def test_a_certificate_that_the_given_authority_issued_for_the_host_is_trusted(engine, authority):
    context = server_context(*authority.issue(HOST))
    assert attempt(engine, context, tls_mode="verify-full", tls_ca=authority.pem) == ("ok", ["TLS"])


@engines
@pytest.mark.parametrize(
    ("issuer", "host", "lifetime"),
    [("other", HOST, 9999), ("authority", "db.example", 9999), ("authority", HOST, 365), (None, HOST, 9999)],
    ids=["another authority", "another host", "expired", "the system's authorities"],
)
def test_any_other_certificate_is_refused(engine, authority, issuer, host, lifetime):
    issued_by = Authority() if issuer == "other" else authority
    context = server_context(*issued_by.issue(host, timedelta(days=lifetime)))
    given = authority.pem if issuer else ""

    code, _seen = attempt(engine, context, tls_mode="verify-full", tls_ca=given)

    assert code == "tls_certificate"


@engines
def test_require_takes_any_certificate_and_nothing_unencrypted(engine, authority):
    context = server_context(*authority.issue("db.example"))

    assert attempt(engine, context, tls_mode="require") == ("ok", ["TLS"])
    assert attempt(engine, None, tls_mode="require")[0] == "tls_refused"


@engines
def test_prefer_takes_what_the_server_offers(engine, authority):
    context = server_context(*authority.issue("db.example"))

    assert attempt(engine, context) == ("ok", ["TLS"])
    assert attempt(engine, None) == ("ok", ["plain"])


@engines
def test_disable_speaks_no_tls(engine, authority):
    assert attempt(engine, server_context(*authority.issue(HOST)), tls_mode="disable") == ("ok", ["plain"])


@engines
def test_certificates_that_are_none_are_told(engine):
    assert (
        attempt(engine, None, tls_mode="verify-full", tls_ca="-----BEGIN CERTIFICATE-----\nx")[0] == "tls_ca_invalid"
    )


def test_no_sentence_types_the_name_of_a_way_to_use_tls():
    told = [*OF_MYSQL.values(), *OF_ORACLE.values(), *OF_POSTGRESQL, *OF_SQLSERVER]
    advice = [found for one in told for found in re.findall(r"set TLS to (\S+)", one[-1])]
    assert len(advice) >= 5
    assert [word for word in advice if not word.startswith("{")] == []

"""What an exception means for a run."""

import pytest
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from django.db.utils import InternalError

from capacity.errors import ScopeError, SumOverflow
from capacity.runs.faults import Fault, classify, describe, error_code

pytestmark = pytest.mark.unit


def with_state(sqlstate):
    """As Django raises what psycopg2 raised."""

    class FromPostgres(Exception):
        pgcode = sqlstate

    error = OperationalError("odd")
    error.__cause__ = FromPostgres()
    return error


@pytest.mark.parametrize(
    ("fault", "states"),
    [
        (Fault.TRANSIENT, ["08006", "08001", "40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03"]),
        (Fault.INSTANCE, ["22003", "22P02", "23505", "23514", "57014"]),
        (Fault.FATAL, ["42P01", "42501", "25006", "25P02", "53100", "53200", "0A000", "XX001", "P0001", "58030"]),
    ],
)
def test_postgresql_tells_by_its_sqlstate(fault, states):
    assert {state: classify(with_state(state)) for state in states} == dict.fromkeys(states, fault)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.TRANSIENT, OperationalError("database is locked")),
        (Fault.TRANSIENT, OperationalError("database table is locked: sync_sessions")),
        (Fault.TRANSIENT, OperationalError("server closed the connection unexpectedly")),
        (Fault.TRANSIENT, InterfaceError("connection already closed")),
        (Fault.INSTANCE, OperationalError("integer overflow")),
        (Fault.INSTANCE, IntegrityError("CHECK constraint failed")),
        (Fault.INSTANCE, DataError("out of range")),
        (Fault.INSTANCE, ValueError("odd")),
        (Fault.INSTANCE, SumOverflow("odd")),
        (Fault.FATAL, OperationalError("attempt to write a readonly database")),
        (Fault.FATAL, OperationalError("database or disk is full")),
        (Fault.FATAL, OperationalError("no such table: instances")),
        (Fault.FATAL, ProgrammingError("syntax error")),
        (Fault.FATAL, InternalError("odd")),
        (Fault.FATAL, DatabaseError("database disk image is malformed")),
        (Fault.FATAL, KeyboardInterrupt()),
        (Fault.FATAL, SystemExit()),
    ],
)
def test_errors_without_a_state_are_told_by_kind_and_text(fault, error):
    assert classify(error) is fault


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("sum_overflow", with_state("22003")),
        ("sum_overflow", OperationalError("integer overflow")),
        ("sum_overflow", SumOverflow("too much")),
        ("statement_timeout", with_state("57014")),
        ("integrity_error", IntegrityError()),
        ("data_error", DataError()),
        ("database_error", OperationalError("database is locked")),
        ("database_error", InterfaceError("connection already closed")),
        ("invalid_scope", ScopeError("databases")),
        ("unexpected_error", ValueError()),
        ("unexpected_error", KeyboardInterrupt()),
    ],
)
def test_every_error_has_a_word_for_machines(code, error):
    assert error_code(error) == code


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OperationalError("integer overflow"), "the sizes add up to more than 2^63-1 bytes; check the samples"),
        (with_state("57014"), "the database took too long; the statement was stopped"),
        (ScopeError("scope must be one of instance, database, all"), "scope must be one of instance, database, all"),
        (ValueError("odd"), "ValueError: odd"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_every_error_has_a_sentence_for_people(error, sentence):
    assert describe(error).startswith(sentence)

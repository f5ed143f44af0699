"""What an exception means for a run: try again, one instance's fault, or the end."""

import logging
from enum import Enum
from typing import NamedTuple

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, DataError, Error, IntegrityError, InterfaceError, OperationalError
from django.utils import translation

from capacity.errors import CapacityError, InputError, JobBusy
from sync_sessions.common.masking import clean_error
from sync_sessions.errors import SessionAlreadyRunning, SessionLost

from .reasons import REASONS

# SQLSTATEs, or their classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
# 08 connection, 40 rollback (deadlock), 53300 too many connections, 55P03 lock not available, 57P01-03 shutdown.
TRANSIENT_STATES = ("08", "40", "53300", "55P03", "57P01", "57P02", "57P03")
# 22 data, 23 integrity, 57014 query canceled (statement_timeout).
INSTANCE_STATES = ("22", "23", "57014")
SUM_OVERFLOW_STATE = "22003"
STATEMENT_TIMEOUT_STATE = "57014"

TRANSIENT_RETRY_SECONDS = 30
BUSY_MARGIN_SECONDS = 30  #: after the lease: a dead session is failed by then

#: Raised while a callback is called, these are not its own failure and go on.
BEYOND_CALLBACKS = (Error, SessionLost, SoftTimeLimitExceeded)


class Fault(Enum):
    TRANSIENT = "transient"  #: the chunk is tried again
    INSTANCE = "instance"  #: one instance can have caused it: the chunk is split
    FATAL = "fatal"  #: the run ends


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE that PostgreSQL gave, or "" (SQLite has none)."""
    return getattr(error.__cause__, "pgcode", None) or getattr(error, "pgcode", None) or ""


def classify(error: BaseException) -> Fault:
    """What an error that a part of a run raised means for the run. Pure: reads the error alone.

    By the SQLSTATE where there is one; SQLite, and a connection that is gone, have only the class of the error and
    its text. What is no error of the database can have been caused by one instance's data; what is no Exception (a
    stop of the process) and the job's time limit end the run.
    """
    if not isinstance(error, Exception) or isinstance(error, SoftTimeLimitExceeded):
        return Fault.FATAL
    if not isinstance(error, Error):
        return Fault.INSTANCE
    state = sqlstate(error)
    if state:
        if state.startswith(TRANSIENT_STATES):
            return Fault.TRANSIENT
        return Fault.INSTANCE if state.startswith(INSTANCE_STATES) else Fault.FATAL
    if isinstance(error, IntegrityError | DataError) or _is_integer_overflow(error):
        return Fault.INSTANCE
    # Without a state: SQLite waiting for its lock, or the connection to PostgreSQL was lost.
    text = str(error)
    lost = isinstance(error, InterfaceError) or "connection" in text or "terminating" in text
    locked = "database is locked" in text or "table is locked" in text
    return (
        Fault.TRANSIENT if isinstance(error, InterfaceError | OperationalError) and (lost or locked) else Fault.FATAL
    )


class ErrorClass(NamedTuple):
    """What an error means for a job."""

    name: str  #: validation, transient, busy or unexpected
    level: int  #: of the log line
    traceback: bool
    retry_after: int | None  #: seconds; None: not again


def classify_error(error: BaseException) -> ErrorClass:
    """Whether the job that raised this comes again, and how it is logged. Pure; see `ErrorClass`."""
    if isinstance(error, JobBusy | SessionAlreadyRunning):
        return ErrorClass("busy", logging.WARNING, False, settings.WHALEFALL_SESSION_LEASE + BUSY_MARGIN_SECONDS)
    if isinstance(error, InputError):
        return ErrorClass("validation", logging.ERROR, False, None)
    if isinstance(error, Error) and classify(error) is Fault.TRANSIENT:
        return ErrorClass("transient", logging.WARNING, False, TRANSIENT_RETRY_SECONDS)
    return ErrorClass("unexpected", logging.ERROR, True, None)


def error_code(error: BaseException) -> str:
    """A word for machines: the error's own code, or its kind."""
    if isinstance(error, CapacityError):
        return error.code
    state = sqlstate(error)
    if state == SUM_OVERFLOW_STATE or _is_integer_overflow(error):
        return "sum_overflow"
    if state == STATEMENT_TIMEOUT_STATE:
        return "statement_timeout"
    if isinstance(error, IntegrityError):
        return "integrity_error"
    if isinstance(error, DataError):
        return "data_error"
    return "database_error" if isinstance(error, DatabaseError | InterfaceError) else "unexpected_error"


def describe(error: BaseException) -> str:
    """A sentence for people: the known reason of the code, else the error's kind and text, fit to be stored.

    In the reader's language where it is known; `stored_reason` is what the log gets.
    """
    known = REASONS.get(error_code(error))
    if known:
        return str(known)
    text = str(error).strip()
    if not isinstance(error, CapacityError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return clean_error(text)


def stored_reason(error: BaseException) -> str:
    """`describe` in English, as stored texts are."""
    with translation.override("en"):
        return describe(error)


def _is_integer_overflow(error: BaseException) -> bool:
    """SQLite's SUM of more than 2^63-1."""
    return isinstance(error, OperationalError) and "integer overflow" in str(error)

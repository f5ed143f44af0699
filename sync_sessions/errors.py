"""What can go wrong with a session. `code` is for machines, the text for people."""

import uuid
from typing import Any


class SessionError(Exception):
    code = "session_error"

    def __init__(self, message: str, session: Any = None) -> None:
        """`session`: the SyncSession that it is about."""
        super().__init__(message)
        self.session = session


class SessionAlreadyRunning(SessionError):
    """Another session holds the lock key; `session` is that one."""

    code = "already_running"


class SessionFinished(SessionError):
    """The session has ended, and an end is final."""

    code = "session_finished"


class SessionNotRetryable(SessionError):
    """The session is open still, or there is nothing in it to run again."""

    code = "session_not_retryable"


class SessionLost(SessionError):
    """The session is no longer running for this process: cancelled, or failed as abandoned."""

    code = "session_lost"


def pin_session(error: BaseException, session: Any) -> None:
    """Leaves on whatever ended a run which session has its reason; for `session_id_of`."""
    error.sync_session_id = session.session_id  # type: ignore[attr-defined]


def session_id_of(error: BaseException) -> uuid.UUID | None:
    """The session whose run raised this; None when it was raised before there was one."""
    return getattr(error, "sync_session_id", None)

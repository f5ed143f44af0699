"""What can go wrong with a session. `code` is for machines, the text for people."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import SyncSession


class SessionError(Exception):
    code = "session_error"

    def __init__(self, message: str, session: "SyncSession | None" = None) -> None:
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

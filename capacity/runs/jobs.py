"""What a task does with a run: one that was queued, and one of a schedule that could not start."""

from collections.abc import Callable
from typing import Any

import structlog

from sync_sessions.errors import SessionFinished
from sync_sessions.models import SyncSession

from .faults import classify_error, describe
from .life import Run, claimed

log = structlog.get_logger(__name__)


def run_queued(session_id: str, task_id: str, run: Callable[[Run], Any]) -> dict[str, Any]:
    """Claims a queued session and runs it; the result for logs. Taken or ended meanwhile: skipped.

    Raises what ends the whole run, after it is on the session.
    """
    session = SyncSession.objects.get(session_id=session_id)
    try:
        result: dict[str, Any] = run(claimed(session, task_id)).as_dict()
    except SessionFinished as error:
        return {"status": "skipped", "message": str(error)}
    return result


def not_started(kind: str, error: Exception) -> dict[str, Any]:
    """The result of a schedule whose run could not start, for logs and for a retry.

    Another run is under way, or the database does not answer: skipped, and it asks to be tried again. Anything else
    is raised again.
    """
    what = classify_error(error)
    if what.retry_after is None:
        raise error
    reason = describe(error)
    log.warning(f"{kind}.not_started", kind=what.name, reason=reason)
    return {"status": "skipped", "message": reason, "error_class": what.name, "retry_after": what.retry_after}

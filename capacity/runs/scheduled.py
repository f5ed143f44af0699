"""Runs that a schedule starts, and that do not come to be."""

from typing import Any

import structlog

from .faults import classify_error, describe

log = structlog.get_logger(__name__)


def not_started(kind: str, error: Exception) -> dict[str, Any]:
    """The result of a job whose run could not start, for logs and for a retry.

    Another run is under way, or the database does not answer: skipped, and it asks to be tried again. Anything else
    is raised again.
    """
    what = classify_error(error)
    if what.retry_after is None:
        raise error
    reason = describe(error)
    log.warning(f"{kind}.not_started", kind=what.name, reason=reason)
    return {"status": "skipped", "message": reason, "error_class": what.name, "retry_after": what.retry_after}

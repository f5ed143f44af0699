"""What the collection's tasks do: one result each, for logs and for the decision to retry."""

from collections.abc import Callable
from typing import Any

import structlog

from capacity.aggregation.task_runner import classify_error
from capacity.runs.faults import describe
from sync_sessions.choices import SyncType

from .service import CollectionService

log = structlog.get_logger(__name__)


def collect_fleet(dispatch: Callable[[str, list[int]], object], *, task_id: str = "") -> dict[str, Any]:
    """Starts a collection that workers share; `dispatch` queues a batch. Busy: asks to be tried after the lease."""
    try:
        session = CollectionService().start(dispatch, sync_type=SyncType.SCHEDULED_TASK, task_id=task_id)
    except Exception as error:
        kind = classify_error(error)
        if kind.retry_after is None:
            raise
        reason = describe(error)
        log.warning("collection.not_started", kind=kind.name, reason=reason)
        return {"status": "skipped", "message": reason, "error_class": kind.name, "retry_after": kind.retry_after}
    log.info("collection.started", session_id=str(session.session_id), instances=session.total_instances)
    return {"status": session.status, "session_id": str(session.session_id), "instances": session.total_instances}


def collect_batch(session_id: str, instance_ids: list[int]) -> dict[str, Any]:
    result = CollectionService().collect_batch(session_id, instance_ids)
    log.info("collection.batch_ended", session_id=session_id, status=result.status, instances=len(result.outcomes))
    return {"status": result.status, "session_id": session_id, "instances": len(result.outcomes)}

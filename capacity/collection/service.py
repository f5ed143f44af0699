"""Collecting from live servers: one session, a record per instance."""

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from django.utils import translation

from capacity.aggregation.faults import describe, error_code
from capacity.models import Instance
from sync_sessions.choices import SyncCategory
from sync_sessions.errors import SessionLost
from sync_sessions.models import SyncSession
from sync_sessions.services import SyncSessionService, sync_session_service

from .results import CollectionResult, Outcome
from .run import CollectionRun, persist

log = structlog.get_logger(__name__)

LOCK_KEY = "capacity:collection"
WORKERS = 8  #: servers measured at a time


def ignore(outcome: Outcome) -> None:
    """For callers that only want the result."""


class CollectionService:
    def __init__(
        self, *, workers: int = WORKERS, sessions: SyncSessionService = sync_session_service, **timeouts: float
    ) -> None:
        """`timeouts`: those of `Target`, in seconds."""
        self.workers = workers
        self.sessions = sessions
        self.timeouts = timeouts

    def collect(
        self,
        instances: Iterable[Instance] | None = None,
        *,
        sync_type: str,
        created_by: Any = None,
        task_id: str = "",
        on_outcome: Callable[[Outcome], None] = ignore,
    ) -> CollectionResult:
        """Collects from all active instances that have a host, or from those given, in one session.

        Commits after each instance, then calls `on_outcome`. A server that cannot be measured, or whose
        samples are refused, fails its own record; given instances that cannot be collected from are
        skipped with a reason. A cancelled run returns what was done. Raises SessionAlreadyRunning before
        anything is written, and whatever ends the whole run, after it is on the session.
        """
        if instances is None:
            instances = Instance.objects.collectable().defer("password")
        chosen = sorted({one.pk: one for one in instances}.values(), key=lambda one: one.pk)
        session = self.sessions.create_session(
            sync_type=sync_type,
            sync_category=SyncCategory.CAPACITY,
            lock_key=LOCK_KEY,
            instances=[(one.pk, one.name) for one in chosen],
            created_by=created_by,
            task_id=task_id,
        )
        run = CollectionRun(self.sessions, session, self.workers, self.timeouts, on_outcome)
        # Stored texts are English; pages translate by code.
        with structlog.contextvars.bound_contextvars(session_id=str(session.session_id)), translation.override("en"):
            try:
                run.collect(chosen)
                persist(lambda: self.sessions.finish_session(session))
            except SessionLost:
                log.warning("collection.stopped", status=session.status)
            except BaseException as error:
                # For the doors: a link to the session beside the error's sentence.
                error.sync_session_id = session.session_id  # type: ignore[attr-defined]
                self._fail(session, error)
                raise
        return CollectionResult(session, self.sessions.snapshot(session), tuple(run.outcomes))

    def _fail(self, session: SyncSession, error: BaseException) -> None:
        """Writes the end of a run that raised. Never raises itself: the caller's error is the one that counts."""
        reason = describe(error)
        try:
            persist(lambda: self.sessions.fail_session(session, error_code(error), reason))
        except Exception:
            # The reaper fails it once its lease is over.
            log.exception("session.end_not_written", original=reason)

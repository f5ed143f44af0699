"""Collecting from live servers: one session, a record per instance."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import structlog
from django.utils import translation

from capacity.models import Instance
from capacity.runs.faults import error_code, stored_reason
from capacity.runs.reconnect import persist
from sync_sessions.choices import SessionStatus, SyncCategory
from sync_sessions.errors import SessionFinished, SessionLost
from sync_sessions.models import SyncSession
from sync_sessions.services import SyncSessionService, sync_session_service

from .outcomes import CollectionResult, Outcome
from .recording import CollectionRun

log = structlog.get_logger(__name__)

LOCK_KEY = "capacity:collection"
WORKERS = 8  #: servers measured at a time
BATCH = 32  #: instances of one task, when a collection is handed out to workers


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
        retry_of: str = "",
        on_outcome: Callable[[Outcome], None] = ignore,
    ) -> CollectionResult:
        """Collects from all active instances that have a host, or from those given, in one session.

        Commits after each instance, then calls `on_outcome`. A server that cannot be measured, or whose
        samples are refused, fails its own record; given instances that cannot be collected from are
        skipped with a reason. `retry_of`: the id of the session that is run again. A cancelled run returns what
        was done. Raises SessionAlreadyRunning before anything is written, and whatever ends the whole run, after
        it is on the session.
        """
        chosen = self._chosen(instances)
        fleet = instances is None
        session = self._open(chosen, fleet, retry_of, sync_type=sync_type, created_by=created_by, task_id=task_id)
        outcomes = self._run(session, chosen, on_outcome, lambda: self.sessions.finish_session(session))
        return CollectionResult(session, self.sessions.snapshot(session), tuple(outcomes))

    def start(
        self,
        dispatch: Callable[[str, list[int]], object],
        instances: Iterable[Instance] | None = None,
        *,
        sync_type: str,
        created_by: Any = None,
        task_id: str = "",
        retry_of: str = "",
    ) -> SyncSession:
        """Opens a session for the instances that `collect` takes and hands them out in batches.

        `dispatch` is called with the session's id and the ids of a batch, for a worker to call `collect_batch`.
        Raises SessionAlreadyRunning, and what `dispatch` raises, after it is on the session.
        """
        chosen = self._chosen(instances)
        status = SessionStatus.PENDING if chosen else SessionStatus.RUNNING
        fleet = instances is None
        session = self._open(
            chosen, fleet, retry_of, sync_type=sync_type, created_by=created_by, task_id=task_id, status=status
        )
        try:
            for first in range(0, len(chosen), BATCH):
                dispatch(str(session.session_id), [one.pk for one in chosen[first : first + BATCH]])
        except BaseException as error:
            self._fail(session, error)
            raise
        if not chosen:
            self.sessions.finish_session(session)
        return session

    def collect_batch(self, session_id: str, instance_ids: list[int]) -> CollectionResult:
        """Collects from a batch of a session; the batch that leaves no record unfinished ends the session.

        Instances whose record has ended are left out, so that a batch delivered twice does its work once.
        Raises what ends the whole session, after it is on it.
        """
        session = SyncSession.objects.get(session_id=session_id)
        with suppress(SessionFinished):
            self.sessions.claim_session(session)  # by the first batch to come
        unfinished = session.records.unfinished().filter(instance__in=instance_ids)
        chosen = self._chosen(Instance.objects.filter(sync_records__in=unfinished))
        outcomes: list[Outcome] = []
        if session.status == SessionStatus.RUNNING:
            outcomes = self._run(session, chosen, ignore, lambda: self.sessions.finish_if_done(session))
        return CollectionResult(session, self.sessions.snapshot(session), tuple(outcomes))

    def _chosen(self, instances: Iterable[Instance] | None) -> list[Instance]:
        if instances is None:
            instances = Instance.objects.collectable()
        return sorted({one.pk: one for one in instances}.values(), key=lambda one: one.pk)

    def _open(self, chosen: list[Instance], fleet: bool, retry_of: str, **options: Any) -> SyncSession:
        return self.sessions.create_session(
            details={
                **({"retry_of": retry_of} if retry_of else {}),
                **({} if fleet else {"selected": len(chosen)}),
            },
            sync_category=SyncCategory.CAPACITY,
            lock_key=LOCK_KEY,
            instances=[(one.pk, one.name) for one in chosen],
            **options,
        )

    def _run(
        self,
        session: SyncSession,
        chosen: list[Instance],
        on_outcome: Callable[[Outcome], None],
        finish: Callable[[], object],
    ) -> list[Outcome]:
        run = CollectionRun(self.sessions, session, self.workers, self.timeouts, on_outcome)
        # Stored texts are English; pages translate by code.
        with structlog.contextvars.bound_contextvars(session_id=str(session.session_id)), translation.override("en"):
            try:
                run.collect(chosen)
                persist(finish)
            except SessionLost:
                log.warning("collection.stopped", status=session.status)
            except BaseException as error:
                self._fail(session, error)
                raise
        return run.outcomes

    def _fail(self, session: SyncSession, error: BaseException) -> None:
        """Writes the end of a run that raised. Never raises itself: the caller's error is the one that counts."""
        # For the doors: a link to the session beside the error's sentence.
        error.sync_session_id = session.session_id  # type: ignore[attr-defined]
        reason = stored_reason(error)
        try:
            persist(lambda: self.sessions.fail_session(session, error_code(error), reason))
        except Exception:
            # The reaper fails it once its lease is over.
            log.exception("session.end_not_written", original=reason)

"""The only owner of a run's life: opens or claims the session, wires the log to the service, ends it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from capacity.models import Instance
from capacity.periods import Period, period_config
from capacity.runs.faults import error_code, stored_reason
from capacity.runs.reconnect import persist
from sync_sessions.choices import SessionStatus, SyncCategory, SyncType
from sync_sessions.errors import SessionLost
from sync_sessions.models import SyncSession
from sync_sessions.services import SyncSessionService, sync_session_service

from .arguments import parse_scope
from .progress import ProgressCallbacks
from .results import InstanceRef, InstanceResult
from .run_records import details, lock_key, record_result, session_details
from .service import AggregationService, instance_refs

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RunResult:
    session: SyncSession
    summary: Any  #: what the service gave: a PeriodSummary
    snapshot: dict[str, Any]  #: the session as the API shows it


class AggregationOrchestrator:
    def __init__(
        self, service: AggregationService | None = None, sessions: SyncSessionService = sync_session_service
    ) -> None:
        self.service = service or AggregationService()
        self.sessions = sessions

    def open(
        self,
        period: Period,
        scope: str | None,
        *,
        instances: Iterable[Instance | InstanceRef] | None = None,
        sync_type: str,
        created_by: Any = None,
        task_id: str = "",
        requested_period_type: str | None = None,
        retry_of: str = "",
        status: str = SessionStatus.RUNNING,
    ) -> SyncSession:
        """A session with a record per instance; pending: for a worker to claim. SessionAlreadyRunning if one is."""
        scope = parse_scope(scope)
        refs = instance_refs(instances)
        # A schedule runs the marked ones of the whole fleet, even if it is one.
        fleet = instances is None or sync_type == SyncType.SCHEDULED_TASK
        return self.sessions.create_session(
            sync_type=sync_type,
            sync_category=SyncCategory.AGGREGATION,
            lock_key=lock_key(period, refs, fleet),
            scope=scope,
            details=session_details(period, requested_period_type, retry_of, None if fleet else len(refs)),
            instances=[(ref.id, ref.name) for ref in refs],
            created_by=created_by,
            task_id=task_id,
            status=status,
        )

    def queue(
        self, period: Period, scope: str | None, *, dispatch: Callable[[str], object], **options: Any
    ) -> SyncSession:
        """Opens a pending session and hands its id to `dispatch`, for a worker to run. `options`: those of `open`.

        Raises SessionAlreadyRunning, and what `dispatch` raises, after it is on the session.
        """
        session = self.open(period, scope, status=SessionStatus.PENDING, **options)
        try:
            dispatch(str(session.session_id))
        except BaseException as error:
            self._fail(session, error)
            raise
        return session

    def run(
        self,
        period: Period,
        scope: str | None,
        *,
        instances: Iterable[Instance | InstanceRef] | None = None,
        sync_type: str,
        created_by: Any = None,
        task_id: str = "",
        session: SyncSession | None = None,
        requested_period_type: str | None = None,
        retry_of: str = "",
        listeners: ProgressCallbacks | None = None,
    ) -> RunResult:
        """One period, one scope, one session, to its end; commits after each chunk.

        `instances` None: all active ones, or those of the pending `session` given. `listeners` hear of the
        progress after it has been logged. A cancelled run returns what was done. Raises
        SessionAlreadyRunning before anything is written, SessionLost when the session was failed by
        others (abandoned), and whatever ends the whole run, after it is on the session.
        """
        scope = parse_scope(scope)
        if session is None:
            refs = instance_refs(instances)
            session = self.open(
                period,
                scope,
                instances=None if instances is None else refs,
                sync_type=sync_type,
                created_by=created_by,
                task_id=task_id,
                requested_period_type=requested_period_type,
                retry_of=retry_of,
            )
        else:
            self.sessions.claim_session(session, task_id)
            refs = instance_refs(Instance.objects.filter(sync_records__session=session))
        with structlog.contextvars.bound_contextvars(
            session_id=str(session.session_id), period=f"{period.type} {period.start}", scope=scope
        ):
            try:
                summary = self._compute(session, period, scope, refs, listeners)
            except SessionLost:
                raise
            except BaseException as error:
                self._fail(session, error)
                raise
        return RunResult(session, summary, self.sessions.snapshot(session))

    def _compute(
        self,
        session: SyncSession,
        period: Period,
        scope: str,
        refs: Sequence[InstanceRef],
        listeners: ProgressCallbacks | None,
    ) -> Any:
        record_ids = self.sessions.record_ids(session)
        # Deleted since the records were made: theirs end without a result.
        refs = [ref for ref in refs if ref.id in record_ids]

        def start(chunk: Sequence[InstanceRef]) -> None:
            self.sessions.start_instance_records(session, [record_ids[ref.id] for ref in chunk])

        def ends(results: Sequence[InstanceResult]) -> list[Any]:
            return [record_result(record_ids[one.instance_id], period, scope, one) for one in results]

        log_progress = ProgressCallbacks(
            on_start=start,
            on_complete=lambda results: self.sessions.complete_instance_records(session, ends(results)),
            on_error=lambda results: self.sessions.fail_instance_records(session, ends(results)),
        )
        compute = getattr(self.service, period_config(period.type).service_method)
        summary = compute(
            period=period,
            scope=scope,
            instances=refs,
            callbacks=log_progress.then(listeners) if listeners else log_progress,
        )
        missing = details(period, scope, 0, {"status": "unknown"})
        try:
            self.sessions.finish_session(session, missing_details=missing)
        except SessionLost:
            if session.status != SessionStatus.CANCELLED:
                raise
        return summary

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

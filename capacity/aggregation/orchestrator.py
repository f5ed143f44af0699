"""One period from the opened session to its end: wires the run log to the service."""

from collections.abc import Iterable, Sequence
from typing import Any

from capacity.inventory.selection import InstanceRef, Selection
from capacity.models import Instance
from capacity.periods import Period, period_config
from capacity.runs import queueing
from capacity.runs.life import Run, claimed, opened, queued, running
from capacity.runs.outcome import RunOutcome
from capacity.runs.spec import RunSpec
from capacity.runs.start import Runner
from sync_sessions.choices import SessionStatus
from sync_sessions.models import SyncSession
from sync_sessions.services import SyncSessionService, sync_session_service

from .arguments import parse_scope
from .progress import ProgressCallbacks
from .results import InstanceResult
from .run_records import details, record_result
from .service import AggregationService


class AggregationOrchestrator:
    """Runs one period of one scope in one session. It commits after each chunk, and holds no state between runs."""

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
        status: str = SessionStatus.RUNNING,
        **options: Any,
    ) -> SyncSession:
        """A session with a record per instance; pending: for a worker to claim. `options`: the fields of RunSpec.

        Raises ScopeError, AggregationDisabled and SessionAlreadyRunning, with nothing written.
        """
        spec = RunSpec.of_period(period, parse_scope(scope), Selection.of(instances), **options)
        return opened(spec, status=status, sessions=self.sessions).session

    def run(
        self,
        period: Period,
        scope: str | None,
        *,
        instances: Iterable[Instance | InstanceRef] | None = None,
        tags: Iterable[str] = (),
        sync_type: str,
        created_by: Any = None,
        task_id: str = "",
        session: SyncSession | None = None,
        listeners: ProgressCallbacks | None = None,
        **options: Any,
    ) -> RunOutcome:
        """One period, one scope, one session, to its end. `options`: further fields of RunSpec.

        `instances` None: all active ones, those with one of the `tags` if there are some, or those of the pending
        `session` given. `listeners` hear of the progress after it has been logged. A cancelled run returns what was
        done. Raises ScopeError, AggregationDisabled, UnknownTag and SessionAlreadyRunning before anything is written,
        SessionFinished when the given session is taken, SessionLost when it was failed by others (abandoned), and
        whatever ends the whole run, after it is on the session.
        """
        scope = parse_scope(scope)
        if session is not None:
            return self.run_claimed(claimed(session, task_id, sessions=self.sessions), listeners)
        options |= {"sync_type": sync_type, "created_by": created_by, "task_id": task_id}
        return self.run_spec(RunSpec.of_period(period, scope, Selection.of(instances, tags), **options), listeners)

    def run_spec(self, spec: RunSpec, listeners: ProgressCallbacks | None = None) -> RunOutcome:
        """The same of a spec, whose period and scope are checked already."""
        return self.run_claimed(opened(spec, sessions=self.sessions), listeners)

    def run_claimed(self, run: Run, listeners: ProgressCallbacks | None = None) -> RunOutcome:
        """The same of a session that is this process's already."""
        assert run.spec.period
        run.missing_details = details(run.spec.period, run.spec.scope, 0, {"status": "unknown"})
        with running(run):
            summary = self._compute(run, run.spec.period, listeners)
        return RunOutcome.of(run, summary)

    def _compute(self, run: Run, period: Period, listeners: ProgressCallbacks | None) -> Any:
        session, scope = run.session, run.spec.scope
        record_ids = self.sessions.record_ids(session)

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
        return compute(
            period=period,
            scope=scope,
            # Deleted since the records were made: theirs end without a result.
            instances=[ref for ref in run.instances if ref.id in record_ids],
            callbacks=log_progress.then(listeners) if listeners else log_progress,
        )


def _run(spec: RunSpec, listeners: ProgressCallbacks | None = None) -> RunOutcome:
    return AggregationOrchestrator().run_spec(spec, listeners)


def _queue(spec: RunSpec) -> SyncSession:
    return queued(spec, lambda run: queueing.send_aggregation(str(run.session.session_id)))


RUNNER = Runner(_run, _queue)

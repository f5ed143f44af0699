"""Collecting from live servers: one session, a record per instance."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from typing import Any

import structlog
from django.utils import translation

from capacity.inventory.selection import Selection, read_refs
from capacity.models import Instance
from capacity.runs import queueing
from capacity.runs.jobs import not_started
from capacity.runs.kinds import COLLECTION
from capacity.runs.life import Run, opened, queued, running
from capacity.runs.spec import RunSpec
from capacity.runs.start import Runner
from sync_sessions.choices import SessionStatus, SyncType
from sync_sessions.errors import SessionFinished, SessionLost
from sync_sessions.models import SyncSession
from sync_sessions.services import SyncSessionService, sync_session_service

from .measuring import measure, prepare
from .outcomes import CollectionResult, Outcome
from .recording import CollectionRun
from .sources.prometheus import read

log = structlog.get_logger(__name__)

WORKERS = 8  #: servers measured at a time
BATCH = 32  #: instances of one task, when a collection is handed out to workers

Dispatch = Callable[[str, list[int]], object]  #: queues a batch: the session's id, the ids of its instances


def ignore(outcome: Outcome) -> None:
    """For callers that only want the result."""


class CollectionService:
    """Measures servers and stores their sizes as samples; every run has a session with a record per instance."""

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
        spec: RunSpec | None = None,
        on_outcome: Callable[[Outcome], None] = ignore,
        **options: Any,
    ) -> CollectionResult:
        """Collects from all active instances that have a host, or from those given, in one session.

        What to do is a `spec`, or the instances and further fields of one. Commits after each instance, then calls
        `on_outcome`. A server that cannot be measured, or whose samples are refused, fails its own record; given
        instances that cannot be collected from are skipped with a reason. A cancelled run returns what was done.
        Raises SessionAlreadyRunning before anything is written, and whatever ends the whole run, after it is on the
        session.
        """
        spec = spec or RunSpec(COLLECTION, Selection.of(instances), **options)
        return self._run(opened(spec, sessions=self.sessions), on_outcome)

    def try_out(self, selection: Selection) -> Iterator[Outcome]:
        """How each would end that `collect` would measure, as it comes: opens no session and stores nothing.

        Raises UnknownInstance, UnknownTag.
        """
        instances = selection.instances(Instance.objects.collectable())
        with translation.override("en"):
            reads = read(instances)
        with closing(measure(instances, partial(prepare, reads=reads), workers=self.workers)) as measured:
            for instance, answer in measured:
                yield Outcome.of(instance, answer)

    def start(
        self,
        dispatch: Dispatch,
        instances: Iterable[Instance] | None = None,
        *,
        spec: RunSpec | None = None,
        **options: Any,
    ) -> SyncSession:
        """Opens a session for what `collect` takes and hands it out in batches, for workers to call `collect_batch`.

        Raises SessionAlreadyRunning, and what `dispatch` raises, after it is on the session.
        """
        spec = spec or RunSpec(COLLECTION, Selection.of(instances), **options)

        def hand_out(run: Run) -> None:
            ids = [one.id for one in run.instances]
            for first in range(0, len(ids), BATCH):
                dispatch(str(run.session.session_id), ids[first : first + BATCH])
            if not ids:  # nobody will come to end it
                self.sessions.claim_session(run.session)
                with running(run):
                    pass

        return queued(spec, hand_out, sessions=self.sessions)

    def collect_batch(self, session_id: str, instance_ids: list[int]) -> CollectionResult:
        """Collects from a batch of a session; the batch that leaves no record unfinished ends the session.

        Instances whose record has ended are left out, so that a batch delivered twice does its work once.
        Raises what ends the whole session, after it is on it.
        """
        session = SyncSession.objects.get(session_id=session_id)
        with suppress(SessionFinished):
            self.sessions.claim_session(session)  # by the first batch to come
        unfinished = session.records.unfinished().filter(instance__in=instance_ids)
        chosen = Instance.objects.filter(sync_records__in=unfinished).order_by("pk")
        run = Run(RunSpec.of_session(session), session, read_refs(chosen), self.sessions)
        if session.status != SessionStatus.RUNNING:
            return CollectionResult(session, run.snapshot(), ())
        return self._run(run, ignore, shared=True)

    def _run(self, run: Run, on_outcome: Callable[[Outcome], None], *, shared: bool = False) -> CollectionResult:
        work = CollectionRun(self.sessions, run.session, self.workers, self.timeouts, on_outcome)
        # Stored texts are English; pages translate by code.
        with translation.override("en"):
            try:
                with running(run, shared=shared):
                    work.collect(run.read_instances())
            except SessionLost:
                log.warning("collection.stopped", session_id=str(run.session.session_id), status=run.session.status)
        return CollectionResult(run.session, run.snapshot(), tuple(work.outcomes))


def collect_fleet(dispatch: Dispatch, *, tags: Iterable[str] | None = None, task_id: str = "") -> dict[str, Any]:
    """What the collection's schedule does: starts one that workers share; the result for logs and for a retry.

    `tags`: only of those with one of them. Busy, or the database not answering: skipped, and asks to be tried again.
    Raises anything else.
    """
    spec = RunSpec(COLLECTION, Selection.tagged(tags), sync_type=SyncType.SCHEDULED_TASK.value, task_id=task_id)
    try:
        session = CollectionService().start(dispatch, spec=spec)
    except Exception as error:
        return not_started(COLLECTION, error)
    log.info("collection.started", session_id=str(session.session_id), instances=session.total_instances)
    return {"status": session.status, "session_id": str(session.session_id), "instances": session.total_instances}


def collect_batch(session_id: str, instance_ids: list[int]) -> dict[str, Any]:
    """What a worker does with a batch: see `CollectionService.collect_batch`; the result for logs."""
    result = CollectionService().collect_batch(session_id, instance_ids)
    log.info("collection.batch_ended", session_id=session_id, status=result.status, instances=len(result.outcomes))
    return {"status": result.status, "session_id": session_id, "instances": len(result.outcomes)}


def _run(spec: RunSpec, on_outcome: Callable[[Outcome], None] = ignore) -> CollectionResult:
    return CollectionService().collect(spec=spec, on_outcome=on_outcome)


def _queue(spec: RunSpec) -> SyncSession:
    return CollectionService().start(queueing.send_collection, spec=spec)


RUNNER = Runner(_run, _queue)

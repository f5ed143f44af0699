"""The one owner of a run's life, whatever the run does: it opens or claims the session, and ends it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from django.dispatch import Signal

from capacity.errors import AggregationDisabled
from capacity.inventory.selection import InstanceRef, Selection, read_refs
from capacity.models import Instance
from sync_sessions.choices import SessionStatus, SyncCategory
from sync_sessions.errors import SessionLost, pin_session
from sync_sessions.models import SyncSession
from sync_sessions.services import SyncSessionService, sync_session_service

from .faults import error_code, stored_reason
from .reconnect import persist
from .spec import RunSpec
from .switch import check_enabled

log = structlog.get_logger(__name__)

#: Sent with the `session` that this process has just ended, whatever became of it: what follows a run attaches here.
run_ended = Signal()


@dataclass
class Run:
    """A run under way."""

    spec: RunSpec
    session: SyncSession
    instances: list[InstanceRef]  #: as they were read at the start, once, in key order
    sessions: SyncSessionService = sync_session_service
    missing_details: Mapping[str, Any] | None = None  #: the sync_details of records that get no result

    def read_instances(self) -> list[Instance]:
        """The instances themselves, those that are still there: for who has to reach them. One query."""
        return Selection.of(self.instances).instances()

    def snapshot(self) -> dict[str, Any]:
        """The session as the API shows it. One query."""
        return self.sessions.snapshot(self.session)


def opened(
    spec: RunSpec, *, status: str = SessionStatus.RUNNING, sessions: SyncSessionService = sync_session_service
) -> Run:
    """Opens the run's session, with a record per instance; pending: for a worker to claim.

    Raises AggregationDisabled, UnknownInstance and SessionAlreadyRunning, with nothing written.
    """
    _check_switch(spec)
    instances = spec.instances()
    session = sessions.create_session(
        sync_type=spec.session_type,
        sync_category=spec.category,
        lock_key=spec.lock_key(instances),
        scope=spec.scope,
        details=spec.details(len(instances)),
        instances=[(one.id, one.name) for one in instances],
        created_by=spec.created_by,
        task_id=spec.task_id,
        status=status,
    )
    return Run(spec, session, instances, sessions)


def claimed(session: SyncSession, task_id: str = "", *, sessions: SyncSessionService = sync_session_service) -> Run:
    """Claims a pending session for this process. SessionFinished when it is taken, or has ended.

    AggregationDisabled when the switch was turned off since: the session ends completed, its records skipped.
    """
    spec = RunSpec.of_session(session)
    sessions.claim_session(session, task_id)
    try:
        _check_switch(spec)
    except AggregationDisabled as off:
        sessions.skip_session(session, off.code, stored_reason(off))
        pin_session(off, session)
        _tell(session)
        raise
    instances = Instance.objects.filter(sync_records__session=session).order_by("pk")
    return Run(spec, session, read_refs(instances), sessions)


def queued(spec: RunSpec, hand_out: Callable[[Run], object], **options: Any) -> SyncSession:
    """Opens a pending session and has it handed out to workers. `options`: those of `opened`.

    Raises what `opened` raises, and what `hand_out` raises: the session is failed then and keeps nobody waiting.
    """
    run = opened(spec, status=SessionStatus.PENDING, **options)
    try:
        hand_out(run)
    except BaseException as error:
        _fail(run, error)
        raise
    return run.session


@contextmanager
def running(run: Run, *, shared: bool = False) -> Iterator[Run]:
    """The run, in the body; at its end the session is finished. Binds the session to every line of the log.

    `shared`: with other processes; the one that leaves no record unfinished ends the session. Whatever the body
    raises ends the session, with the reason, and goes on as it is; SessionLost says that others have ended it. A
    cancelled run is no error: what is done stays.
    """
    facts: dict[str, Any] = {"session_id": str(run.session.session_id)}
    if run.spec.period:
        facts |= {"period": f"{run.spec.period.type} {run.spec.period.start}", "scope": run.spec.scope}
    with structlog.contextvars.bound_contextvars(**facts):
        try:
            yield run
            if persist(lambda: _finish(run, shared)):
                _tell(run.session)
        except SessionLost:
            if run.session.status != SessionStatus.CANCELLED:
                raise
        except BaseException as error:
            _fail(run, error)
            raise


def _finish(run: Run, shared: bool) -> bool:
    """Whether it has ended the session."""
    if shared:
        return run.sessions.finish_if_done(run.session)
    run.sessions.finish_session(run.session, missing_details=run.missing_details)
    return True


def _fail(run: Run, error: BaseException) -> None:
    """Writes the end of a run that raised. Never raises itself: the caller's error is the one that counts."""
    # For the doors: a link to the session beside the error's sentence.
    pin_session(error, run.session)
    reason = stored_reason(error)
    try:
        persist(lambda: run.sessions.fail_session(run.session, error_code(error), reason))
    except Exception:
        # The reaper fails it once its lease is over.
        log.exception("session.end_not_written", original=reason)
    else:
        _tell(run.session)


def _tell(session: SyncSession) -> None:
    """What a listener raises is logged by Django, and changes nothing for the run or for the others."""
    run_ended.send_robust(sender=Run, session=session)


def _check_switch(spec: RunSpec) -> None:
    if spec.category == SyncCategory.AGGREGATION:
        check_enabled()

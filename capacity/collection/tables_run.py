"""A run of largest tables: in one session with a record per instance, one database after another."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import transaction
from django.utils import translation
from django.utils.translation import ngettext

from capacity.errors import CapacityError
from capacity.inventory.selection import InstanceRef
from capacity.models import Instance
from capacity.runs import jobs, queueing, wording
from capacity.runs.faults import Fault, classify, describe, error_code
from capacity.runs.kinds import TABLES
from capacity.runs.life import Run, opened, queued, running
from capacity.runs.reconnect import persist
from capacity.runs.spec import RunSpec
from capacity.runs.start import Runner
from sync_sessions.choices import RecordStatus, SyncType
from sync_sessions.models import SyncSession
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service

from .sources import NotSized
from .tables import measure_and_keep
from .tables_due import due, spec_of_due

log = structlog.get_logger(__name__)

MOST = 100  #: databases of a run: each has 10 s, and a task of a worker 1,200 s
#: CollectionErrors of one database. After any other the server is not asked again: a wrong password may lock a user.
OF_ONE = ("missing_privilege", "not_allowed", "timeout")

OnInstance = Callable[[], object]  #: told that one has ended


@dataclass
class TablesResult:
    """A run at its end; `session` is as it ended, `snapshot` the same as the API shows it."""

    session: SyncSession
    snapshot: dict[str, Any]
    databases: int = 0  #: that were measured
    left: int = 0  #: for the next run
    errors: list[str] = field(default_factory=list)  #: why databases were not measured, a sentence each

    @property
    def status(self) -> str:
        return str(self.session.status)

    @property
    def message(self) -> str:
        if not self.session.total_instances:
            return str(wording.TABLES.nothing)
        text = ngettext(
            "Largest tables of %(count)d database measured.",
            "Largest tables of %(count)d databases measured.",
            self.databases,
        )
        left = ngettext(
            "%(count)d database is left for the next run.",
            "%(count)d databases are left for the next run.",
            self.left,
        )
        told = [text % {"count": self.databases}, *([left % {"count": self.left}] if self.left else [])]
        return " ".join(told)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = ("status", "message", "databases", "left", "errors")
        return {**{name: getattr(self, name) for name in names}, "session": self.snapshot}


def run(spec: RunSpec, on_instance: OnInstance = lambda: None) -> TablesResult:
    """Measures the tables of the databases that are due on the instances of the spec, one after another.

    At most MOST, those that changed most. Commits after each, and calls `on_instance` after each instance. One of
    which no database could be measured fails its own record; another names what was not. A cancelled run returns
    what was done. Raises SessionAlreadyRunning before anything is written, and whatever ends the whole run, after it
    is on the session.
    """
    return _run(opened(spec), on_instance)


def run_queued(session_id: str, task_id: str = "") -> dict[str, Any]:
    """What a worker does with a queued session; the result for logs. Taken or ended meanwhile: skipped."""
    return jobs.run_queued(session_id, task_id, _run)


def run_scheduled(task_id: str = "", tags: Collection[str] | None = None) -> dict[str, Any]:
    """What the schedule does; the result for logs and for a retry. A session tells of it, even if nothing was due.

    `tags`: only of instances with one of them. Busy, or the database not answering: asks to be tried again. Raises
    anything else.
    """
    try:
        return run(spec_of_due(tags, sync_type=SyncType.SCHEDULED_TASK.value, task_id=task_id)).as_dict()
    except Exception as error:
        return jobs.not_started(TABLES, error)


def _run(run: Run, on_instance: OnInstance = lambda: None) -> TablesResult:
    work = _Work(run.session)
    # Stored texts are English; pages translate by code.
    with translation.override("en"), running(run):
        work.share_out(run.instances)
        for instance in run.instances:
            work.do(instance)
            on_instance()
    return TablesResult(run.session, run.snapshot(), work.databases, work.left, work.errors)


class _Work:
    """The instances of one run."""

    def __init__(self, session: SyncSession) -> None:
        self.session = session
        self.record_ids = sync_session_service.record_ids(session)
        self.databases = self.left = 0
        self.errors: list[str] = []

    def share_out(self, instances: list[InstanceRef]) -> None:
        """Which databases of each are measured, and how many are not: who changed most comes first."""
        self.shares: dict[int, tuple[list[str], int]] = {}
        room = MOST
        for instance, names in due([one.id for one in instances]).items():
            self.shares[instance] = names[:room], len(names[room:])
            room -= len(names[:room])

    def do(self, instance: InstanceRef) -> None:
        """One instance to the commit of its record; one that was deleted since has none any more."""
        record = self.record_ids.get(instance.id)
        if record is None:
            return
        persist(lambda: sync_session_service.start_instance_records(self.session, [record]))
        # As it is now: it may have been switched off, or have another host, since the run began.
        now = persist(lambda: Instance.objects.filter(pk=instance.id).first())
        result = self._result(record, now)
        failed = result.status == RecordStatus.FAILED
        service = sync_session_service
        write = service.fail_instance_records if failed else service.complete_instance_records

        def step() -> None:
            with transaction.atomic():
                write(self.session, [result])

        persist(step)

    def _result(self, record: int, instance: Instance | None) -> RecordResult:
        if instance is None or not instance.is_active:
            code = "instance_inactive" if instance else "instance_deleted"
            return RecordResult(record, RecordStatus.SKIPPED, error_code=code)
        databases, left = self.shares.get(instance.pk, ([], 0))
        self.left += left
        details = {"version": 1, "engine": instance.db_type, **({"left": left} if left else {})}
        if not databases:
            code = "left_for_next" if left else "no_events"
            return RecordResult(record, RecordStatus.SKIPPED, error_code=code, sync_details=details)
        failures, code, reason = self._measure(instance, databases)
        measured = len(databases) - len(failures)
        self.databases += measured
        self.errors += [f"{instance.name}: {one['database']}: {one['reason']}" for one in failures]
        details |= {"databases": measured, "not_sized": failures}
        if measured:
            return RecordResult(record, RecordStatus.COMPLETED, items_synced=measured, sync_details=details)
        return RecordResult(record, RecordStatus.FAILED, error_code=code, error_message=reason, sync_details=details)

    def _measure(self, instance: Instance, databases: list[str]) -> tuple[list[dict[str, str]], str, str]:
        """Those that were not measured, each with the reason; error code and text of the first of them."""
        failures: list[dict[str, str]] = []
        first = "", ""
        for place, database in enumerate(databases):
            persist(lambda: sync_session_service.heartbeat(self.session))
            try:
                measure_and_keep(instance, database)
            except Exception as error:
                if classify(error) is not Fault.INSTANCE:
                    raise
                code, reason = _told(error)
                log.info("tables.not_measured", instance=instance.name, database=database, code=code)
                of_one = isinstance(error, NotSized) or code in OF_ONE
                if not failures:
                    first = code, f"Database {database}: {reason}" if of_one else reason
                names = [database] if of_one else databases[place:]
                failures += [{"database": name, "reason": reason} for name in names]
                if not of_one:
                    break
        return failures, *first


def _told(error: Exception) -> tuple[str, str]:
    """An error code, and the reason in a sentence."""
    if isinstance(error, NotSized):
        return "tables_not_measured", str(error)
    return error_code(error), str(error) if isinstance(error, CapacityError) else describe(error)


def _queue(spec: RunSpec) -> SyncSession:
    return queued(spec, lambda run: queueing.send_tables(str(run.session.session_id)))


RUNNER = Runner(run, _queue)

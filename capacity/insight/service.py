"""A run of insight: forecasts and events of instances, in one session with a record per instance."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import ngettext

from capacity.dialect import set_chunk_limits
from capacity.runs import jobs, queueing, wording
from capacity.runs.faults import Fault, classify, error_code, stored_reason
from capacity.runs.kinds import INSIGHT
from capacity.runs.life import Run, opened, queued, running
from capacity.runs.reconnect import few_times, persist
from capacity.runs.spec import RunSpec
from capacity.runs.start import Runner
from sync_sessions.choices import RecordStatus, SyncType
from sync_sessions.models import SyncSession
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service

from .limits import volume_mates
from .refresh import Refreshed, due, refresh, refresh_fleet

log = structlog.get_logger(__name__)

CHUNK = 20  #: instances; those that share a volume stay together, however many they are

OnChunk = Callable[[int], object]  #: told how many instances have ended


@dataclass
class InsightResult:
    """A run at its end; `session` is as it ended, `snapshot` the same as the API shows it."""

    session: SyncSession
    snapshot: dict[str, Any]
    forecasts: int = 0
    new_events: int = 0
    errors: list[str] = field(default_factory=list)  #: why instances failed, a sentence each

    @property
    def status(self) -> str:
        return str(self.session.status)

    @property
    def message(self) -> str:
        if not self.session.total_instances:
            return str(wording.INSIGHT.nothing)
        total, forecasts, events = self.session.total_instances, self.forecasts, self.new_events
        parts = {
            "done": self.session.successful_instances,
            "total": total,
            "forecasts": ngettext("%(count)d forecast", "%(count)d forecasts", forecasts) % {"count": forecasts},
            "events": ngettext("%(count)d new event", "%(count)d new events", events) % {"count": events},
        }
        text = ngettext(
            "%(done)d of %(total)d instance looked at: %(forecasts)s, %(events)s.",
            "%(done)d of %(total)d instances looked at: %(forecasts)s, %(events)s.",
            total,
        )
        return text % parts

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = ("status", "message", "forecasts", "new_events", "errors")
        return {**{name: getattr(self, name) for name in names}, "session": self.snapshot}


def spec_of_due(tags: Collection[str] | None = None, **options: Any) -> RunSpec:
    """A run over those instances of the fleet, or of some tags, whose day rows or limits changed.

    `options`: fields of RunSpec. Raises UnknownTag.
    """
    return RunSpec.of_due(INSIGHT, due(), tags, **options)


def run(spec: RunSpec, on_chunk: OnChunk = lambda count: None) -> InsightResult:
    """Makes the forecasts and events of the instances of the spec, and that of the fleet.

    Commits after each chunk, then calls `on_chunk`. An instance that raises fails its own record; one without day
    rows is skipped. A cancelled run returns what was done. Raises SessionAlreadyRunning before anything is written,
    SessionLost, and whatever ends the whole run, after it is on the session.
    """
    return _run(opened(spec), on_chunk)


def run_queued(session_id: str, task_id: str = "") -> dict[str, Any]:
    """What a worker does with a queued session; the result for logs. Taken or ended meanwhile: skipped."""
    return jobs.run_queued(session_id, task_id, _run)


def run_scheduled(task_id: str = "", tags: Collection[str] | None = None) -> dict[str, Any]:
    """What the schedule does; the result for logs and for a retry. Nothing changed: skipped, without a session.

    `tags`: only of instances with one of them. Busy, or the database not answering: asks to be tried again. Raises
    anything else.
    """
    try:
        spec = spec_of_due(tags, sync_type=SyncType.SCHEDULED_TASK.value, task_id=task_id)
        if not spec.selection.count:
            return {"status": "skipped", "message": str(wording.INSIGHT.nothing)}
        return run(spec).as_dict()
    except Exception as error:
        return jobs.not_started(INSIGHT, error)


def _run(run: Run, on_chunk: OnChunk = lambda count: None) -> InsightResult:
    work = _Work(run, timezone.now())
    # Stored texts are English; pages translate by code.
    with translation.override("en"), running(run):
        for groups in _chunks(volume_mates(work.record_ids)):
            on_chunk(few_times(work.do, groups))
        persist(lambda: refresh_fleet(work.now))
    return InsightResult(run.session, run.snapshot(), work.forecasts, work.new_events, work.errors)


def _chunks(groups: Iterable[list[int]]) -> Iterator[list[list[int]]]:
    """The groups together, up to CHUNK instances at a time."""
    chunk: list[list[int]] = []
    for group in groups:
        if chunk and sum(map(len, chunk)) + len(group) > CHUNK:
            yield chunk
            chunk = []
        chunk.append(group)
    if chunk:
        yield chunk


class _Work:
    """The chunks of one run."""

    def __init__(self, run: Run, now: datetime) -> None:
        self.session, self.now = run.session, now
        self.record_ids = sync_session_service.record_ids(run.session)
        self.names = {one.id: one.name for one in run.instances}
        self.forecasts = self.new_events = 0
        self.errors: list[str] = []

    def do(self, groups: list[list[int]]) -> int:
        """Some groups to their commit; of several that fail each one by itself. How many records have ended."""
        instances = [instance for group in groups for instance in group]
        # Who shares a volume with them without being of this run has no record in it.
        records = {instance: self.record_ids[instance] for instance in instances if instance in self.record_ids}
        sync_session_service.start_instance_records(self.session, list(records.values()))
        try:
            with transaction.atomic():
                set_chunk_limits(settings.WHALEFALL_SESSION_LEASE / 3)
                done = refresh(instances, self.now)
                # Comes last: it holds the session's row until the commit.
                results = [_result(record, done.get(instance)) for instance, record in records.items()]
                sync_session_service.complete_instance_records(self.session, results)
        except Exception as error:
            if classify(error) is not Fault.INSTANCE:
                raise
            if len(groups) > 1:
                return sum(self.do([group]) for group in groups)
            self._fail(records, error)
        else:
            self.forecasts += sum(one.forecasts for instance, one in done.items() if instance in records)
            self.new_events += sum(one.new_events for instance, one in done.items() if instance in records)
        return len(records)

    def _fail(self, records: dict[int, int], error: Exception) -> None:
        log.exception("insight.instance_failed", instances=[self.names[instance] for instance in records])
        code, reason = error_code(error), stored_reason(error)
        self.errors += [f"{self.names[instance]}: {reason}" for instance in records]
        results = [
            RecordResult(record, RecordStatus.FAILED, error_code=code, error_message=reason)
            for record in records.values()
        ]
        with transaction.atomic():
            sync_session_service.fail_instance_records(self.session, results)


def _result(record_id: int, done: Refreshed | None) -> RecordResult:
    if done is None:
        reason = "the instance has no samples yet"
        return RecordResult(record_id, RecordStatus.SKIPPED, error_code="no_day_rows", error_message=reason)
    return RecordResult(
        record_id,
        RecordStatus.COMPLETED,
        items_synced=done.forecasts,
        items_created=done.new_events,
        sync_details={"version": 1, "forecasts": done.forecasts, "new_events": done.new_events},
    )


def _queue(spec: RunSpec) -> SyncSession:
    return queued(spec, lambda run: queueing.send_insight(str(run.session.session_id)))


RUNNER = Runner(run, _queue)

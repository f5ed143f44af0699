"""One collection under way. Threads do the network, the calling thread does everything else: a thread with
database work would need a connection of its own, and SQLite has one writer.
"""

import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from threading import Event

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from capacity.errors import CapacityError, SamplesRejected
from capacity.models import Instance
from capacity.runs.faults import describe, error_code
from capacity.runs.reconnect import persist
from sync_sessions.choices import RecordStatus
from sync_sessions.models import SyncSession
from sync_sessions.services import RecordResult, SyncSessionService

from .ingest import Sample, ingest
from .outcomes import Outcome
from .sources import Adapter, CollectionError, Measurement, NotCollected, Target, Unsized, adapter_for, measure

log = structlog.get_logger(__name__)
#: What storing may raise because of one instance; everything else ends the run.
INSTANCE_ERRORS = (CollectionError, IntegrityError, DataError)


class CollectionRun:
    def __init__(
        self,
        sessions: SyncSessionService,
        session: SyncSession,
        workers: int,
        timeouts: Mapping[str, float],
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self.sessions = sessions
        self.session = session
        self.workers = workers
        self.timeouts = timeouts
        self.on_outcome = on_outcome
        self.outcomes: list[Outcome] = []
        self.record_ids: dict[int, int] = {}

    def collect(self, instances: list[Instance]) -> None:
        """Measures `workers` servers at a time and stores each answer as it comes; raises SessionLost."""
        self.record_ids = self.sessions.record_ids(self.session)
        # Deleted since the records were made: theirs end without a result.
        waiting = deque(instance for instance in instances if instance.pk in self.record_ids)
        measuring: dict[Future[Measurement], Instance] = {}
        stop = Event()
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="collect")
        try:
            while waiting or measuring:
                batch = [waiting.popleft() for _ in range(min(len(waiting), self.workers - len(measuring)))]
                self._start_records(batch)
                for instance in batch:
                    try:
                        adapter, target = self._target(instance)
                    except CapacityError as error:
                        self._end(instance, error)
                    else:
                        measuring[pool.submit(measure, adapter, target, stop)] = instance
                done, _running = wait(measuring, settings.WHALEFALL_SESSION_LEASE / 6, FIRST_COMPLETED)
                if not done:
                    persist(lambda: self.sessions.heartbeat(self.session))
                for future in done:
                    self._take(measuring.pop(future), future)
        finally:
            # Not waited for: what still hangs on the network ends by its time-outs, and nobody looks at it.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _start_records(self, batch: list[Instance]) -> None:
        ids = [self.record_ids[instance.pk] for instance in batch]
        if ids:
            persist(lambda: self.sessions.start_instance_records(self.session, ids))

    def _target(self, instance: Instance) -> tuple[type[Adapter], Target]:
        """How to reach the instance, as of now. Raises NotCollected, FieldKeyError."""
        now = persist(lambda: Instance.objects.filter(pk=instance.pk).first())
        if now is None:
            raise NotCollected("instance_deleted", "The instance was deleted during the run.")
        if not now.is_active:
            raise NotCollected("instance_inactive", "The instance is inactive.")
        if not now.host:
            raise NotCollected("no_host", "The instance has no host: its samples are only pushed.")
        target = Target(now.host, now.port, now.username, now.password, now.database_name, **self.timeouts)
        return adapter_for(now.db_type), target

    def _take(self, instance: Instance, future: Future[Measurement]) -> None:
        try:
            measurement = future.result()
        except CapacityError as error:
            self._end(instance, error)
            return
        except Exception as error:
            # Without the variables that a logged exception shows in development: the password is among them.
            text = "".join(traceback.format_exception(error))
            log.error("collection.unexpected_error", instance=instance.name, traceback=text)
            self._end(instance, CollectionError("unexpected_error", describe(error)))
            return
        try:
            result = persist(lambda: self._store(instance, measurement))
        except INSTANCE_ERRORS as error:
            self._end(instance, error)
        else:
            self._tell(instance, result, measurement.not_sized)

    def _store(self, instance: Instance, measurement: Measurement) -> RecordResult:
        """The samples and the end of their record, in one transaction, the fence last."""
        if measurement.not_sized and not measurement.databases:
            raise CollectionError(
                "nothing_sized",
                f"None of the {len(measurement.not_sized)} databases could be sized. "
                f"The first one: {measurement.not_sized[0].reason}",
            )
        samples = [
            Sample(
                instance.pk,
                size.database_name,
                measurement.measured_at,
                size.size_bytes,
                size.data_size_bytes,
                size.log_size_bytes,
            )
            for size in measurement.databases
        ]
        total = sum(sample.size_bytes for sample in samples)
        with transaction.atomic():
            try:
                ingested = ingest(samples)
            except SamplesRejected as error:
                first = error.errors[0]
                name = samples[first.index].database_name
                raise CollectionError(
                    error.code, f"{error} The first one, of database {name}: {first.detail}"
                ) from None
            result = RecordResult(
                self.record_ids[instance.pk],
                RecordStatus.COMPLETED,
                items_synced=len(samples),
                items_created=ingested.created,
                items_updated=ingested.updated,
                sync_details={
                    "version": 1,
                    "engine": instance.db_type,
                    "server_version": measurement.server_version,
                    "databases": len(samples),
                    "total_size_bytes": total,
                    "not_sized": [asdict(unsized) for unsized in measurement.not_sized],
                    "notes": list(measurement.notes),
                    "duration_seconds": measurement.duration_seconds,
                },
            )
            self.sessions.complete_instance_records(self.session, [result])
        return result

    def _end(self, instance: Instance, error: Exception) -> None:
        """The end of a record without samples."""
        skipped = isinstance(error, NotCollected)
        result = RecordResult(
            self.record_ids[instance.pk],
            RecordStatus.SKIPPED if skipped else RecordStatus.FAILED,
            error_code=error_code(error),
            error_message=str(error) if isinstance(error, CapacityError) else describe(error),
            sync_details={"version": 1, "engine": instance.db_type},
        )
        write = self.sessions.complete_instance_records if skipped else self.sessions.fail_instance_records

        def step() -> None:
            with transaction.atomic():
                write(self.session, [result])

        persist(step)
        self._tell(instance, result)

    def _tell(self, instance: Instance, result: RecordResult, not_sized: Sequence[Unsized] = ()) -> None:
        outcome = Outcome(
            instance.pk,
            instance.name,
            instance.db_type,
            str(result.status),
            result.items_synced,
            result.sync_details.get("total_size_bytes", 0),
            not_sized,
            result.sync_details.get("notes", ()),
            result.error_code,
            result.error_message,
        )
        log.info(
            "collection.instance_ended",
            instance=outcome.instance_name,
            status=outcome.status,
            code=outcome.error_code,
            reason=outcome.reason,
            databases=outcome.databases,
            not_sized=len(not_sized),
        )
        self.outcomes.append(outcome)
        self.on_outcome(outcome)

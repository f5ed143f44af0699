"""One collection under way: records started and ended, samples stored, as the measuring goes on.

The measuring is in threads that do the network; the calling thread does everything else: a thread with database
work would need a connection of its own, and SQLite has one writer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from capacity.errors import CapacityError
from capacity.models import Instance
from capacity.runs.faults import describe, error_code
from capacity.runs.reconnect import persist
from sync_sessions.choices import RecordStatus
from sync_sessions.models import SyncSession
from sync_sessions.results import RecordResult
from sync_sessions.services import SyncSessionService

from .ingest import NotSized, ingest
from .limits import store_limits
from .measuring import measure, source_of
from .outcomes import Outcome
from .samples import Sample, SamplesRejected
from .sources import CollectionError, Measurement, NotCollected, Source, Unsized
from .sources.prometheus import Reads, read

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
        self.reads: Reads | None = None

    def collect(self, instances: list[Instance]) -> None:
        """Reads the Prometheus sources, measures `workers` servers at a time, stores each answer as it comes.

        Raises SessionLost.
        """
        self.record_ids = self.sessions.record_ids(self.session)
        # Deleted since the records were made: theirs end without a result.
        chosen = [instance for instance in instances if instance.pk in self.record_ids]
        beat = settings.WHALEFALL_SESSION_LEASE / 6
        self.reads = read(chosen, self._heartbeat)
        with closing(
            measure(chosen, self._start, workers=self.workers, beat=beat, on_beat=self._heartbeat)
        ) as measured:
            for instance, answer in measured:
                self._take(instance, answer)

    def _heartbeat(self) -> None:
        persist(lambda: self.sessions.heartbeat(self.session))

    def _start(self, batch: list[Instance]) -> Iterator[tuple[Instance, Source | Measurement | CapacityError]]:
        self._start_records(batch)
        for instance in batch:
            try:
                yield instance, self._source(instance)
            except CapacityError as error:
                yield instance, error

    def _start_records(self, batch: list[Instance]) -> None:
        ids = [self.record_ids[instance.pk] for instance in batch]
        persist(lambda: self.sessions.start_instance_records(self.session, ids))

    def _source(self, instance: Instance) -> Source | Measurement | CapacityError:
        """How to reach the instance, as of now, or what a Prometheus has of it.

        Raises NotCollected, CollectionError, FieldKeyError.
        """
        now = persist(lambda: Instance.objects.filter(pk=instance.pk).first())
        if now is None:
            raise NotCollected("instance_deleted", "The instance was deleted during the run.")
        if not now.is_active:
            raise NotCollected("instance_inactive", "The instance is inactive.")
        return (self.reads and self.reads.answer(now)) or source_of(now, **self.timeouts)

    def _take(self, instance: Instance, answer: Measurement | CapacityError) -> None:
        if isinstance(answer, CapacityError):
            self._end(instance, answer)
            return
        if self.reads:
            answer = self.reads.with_volumes(instance, answer)
        try:
            result = persist(lambda: self._store(instance, answer))
        except INSTANCE_ERRORS as error:
            self._end(instance, error)
        else:
            self._tell(instance, result, answer.not_sized)

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
        not_sized = [
            NotSized(instance.pk, unsized.database, measurement.measured_at) for unsized in measurement.not_sized
        ]
        total = sum(sample.size_bytes for sample in samples)
        with transaction.atomic():
            try:
                ingested = ingest(samples, not_sized=not_sized)
            except SamplesRejected as error:
                first = error.errors[0]
                name = samples[first.index].database_name
                raise CollectionError(
                    error.code, f"{error} The first one, of database {name}: {first.detail}"
                ) from None
            store_limits(instance, measurement)
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
                    **_limits(measurement),
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


def _limits(measurement: Measurement) -> dict[str, Any]:
    """What says when something is full, of engines that tell it: bytes by database, and the volumes."""
    limits = {one.database_name: one.limit_bytes for one in measurement.databases if one.limit_bytes is not None}
    volumes = [asdict(volume) for volume in measurement.volumes]
    return {**({"limits": limits} if limits else {}), **({"volumes": volumes} if volumes else {})}

"""A chunk of instances to its commit: savepoints, isolation down to one instance, the callbacks' rules."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import connection, transaction

from capacity.dialect import set_chunk_limits
from capacity.models import StalePeriod
from capacity.periods import Period
from capacity.runs.faults import BEYOND_CALLBACKS, Fault, classify, error_code, stored_reason
from capacity.runs.reconnect import few_times
from sync_sessions.choices import Scope

from .progress import ProgressCallbacks
from .results import AggregationStatus, InstanceRef, InstanceResult
from .runners import RUNNERS

log = structlog.get_logger(__name__)

PARTS = 8  #: into how many a failing part is split


class CallbackFailed(Exception):
    """on_complete raised: the chunk is rolled back. Never leaves the service."""

    def __init__(self, results: Sequence[InstanceResult]) -> None:
        super().__init__()
        self.results = results


@dataclass(frozen=True)
class ChunkRunner:
    """What the chunks of one run have in common."""

    period: Period
    scope: str
    callbacks: ProgressCallbacks
    skip_reason: str = ""  #: a code of REASONS, when nothing of this run may be computed

    def run(self, chunk: Sequence[InstanceRef]) -> list[InstanceResult]:
        """A chunk to its commit, tried again while the database's errors are transient."""
        return few_times(self._try_chunk, chunk)

    def _try_chunk(self, chunk: Sequence[InstanceRef]) -> list[InstanceResult]:
        try:
            self.callbacks.on_start(chunk)
        except BEYOND_CALLBACKS:
            raise
        except Exception:
            # Nobody knows that these were begun, so they are not: no row without a record that tells of it.
            log.exception("aggregation.callback_failed", callback="on_start")
            return [InstanceResult.of(ref, AggregationStatus.FAILED, "result_missing") for ref in chunk]
        try:
            # Inside a caller's transaction its settings stay as they are.
            limited = not connection.in_atomic_block
            with transaction.atomic():
                if limited:
                    set_chunk_limits(settings.WHALEFALL_SESSION_LEASE / 3)
                results = self._roll_up(chunk, limited)
                self._report(results)
        except CallbackFailed as failure:
            # Rolled back with its rows; now its instances are failed ones.
            log.exception("aggregation.callback_failed", callback="on_complete")
            told = {one.instance_id: one for one in failure.results if one.status == AggregationStatus.FAILED}
            results = [told.get(ref.id) or _failed(ref, failure.__cause__ or failure) for ref in chunk]
            with transaction.atomic():
                self._report(results)
        return results

    def _report(self, results: Sequence[InstanceResult]) -> None:
        """The last step of a chunk's transaction: the fence and the records are written by the callbacks."""
        failed = [result for result in results if result.status == AggregationStatus.FAILED]
        done = [result for result in results if result.status != AggregationStatus.FAILED]
        if done:
            try:
                self.callbacks.on_complete(done)
            except BEYOND_CALLBACKS:
                raise
            except Exception as error:
                raise CallbackFailed(results) from error
        if failed:
            try:
                self.callbacks.on_error(failed)
            except BEYOND_CALLBACKS:
                raise
            except Exception:
                log.exception("aggregation.callback_failed", callback="on_error")

    def _roll_up(self, chunk: Sequence[InstanceRef], limited: bool) -> list[InstanceResult]:
        """The chunk's results; on return its rows are written, not yet committed."""
        # Splitting may not outlast the lease: no sign of life is given within a chunk.
        deadline = time.monotonic() + settings.WHALEFALL_SESSION_LEASE * 2 / 3
        part = [ref for ref in chunk if ref.is_active and not self.skip_reason]
        reason = self.skip_reason or "instance_inactive"
        others = [ref for ref in chunk if self.skip_reason or not ref.is_active]
        results = [InstanceResult.of(ref, AggregationStatus.SKIPPED, reason) for ref in others]
        if not part:
            return results
        try:
            return results + self._savepoint(part)
        except Exception as error:
            if classify(error) is not Fault.INSTANCE:
                raise
            if limited:
                set_chunk_limits(settings.WHALEFALL_SESSION_LEASE / 3 / PARTS)
            return results + self._split(part, error, deadline, first=True)

    def _split(
        self, part: Sequence[InstanceRef], error: Exception, deadline: float, first: bool = False
    ) -> list[InstanceResult]:
        """The results of a part that raised `error`: in pieces, down to the instances that cause it.

        After the deadline what is left fails with its part's error.
        """
        if len(part) == 1:
            log.error("aggregation.instance_failed", instance=part[0].name, code=error_code(error), exc_info=error)
            return [_failed(part[0], error)]
        size = -(-len(part) // PARTS)
        pieces = [part[i : i + size] for i in range(0, len(part), size)]
        results: list[InstanceResult] = []
        raised: list[tuple[Sequence[InstanceRef], Exception]] = []
        for piece in pieces:
            if time.monotonic() > deadline:
                results += [_failed(ref, error) for ref in piece]
                continue
            try:
                results += self._savepoint(piece)
            except Exception as problem:
                if classify(problem) is not Fault.INSTANCE:
                    raise
                raised.append((piece, problem))
        if first and len(raised) == len(pieces) and len({error_code(problem) for _piece, problem in raised}) == 1:
            raise error  # not one instance's fault
        for piece, cause in raised:
            results += self._split(piece, cause, deadline)
        return results

    def _savepoint(self, part: Sequence[InstanceRef]) -> list[InstanceResult]:
        """Rolls up every level of the scope for these instances, all or nothing."""
        ids = [ref.id for ref in part]
        with transaction.atomic():
            if self.scope == Scope.ALL:
                # Before the samples are read: one that comes in later sets its mark anew.
                StalePeriod.objects.of(self.period).filter(instance_id__in=ids).delete()
            levels = {runner.name: runner.run(self.period, ids) for runner in RUNNERS[self.scope]}
        results = []
        for ref in part:
            own = {name: level[ref.id] for name, level in levels.items()}
            records = sum(level.processed_records for level in own.values())
            status, code = (AggregationStatus.COMPLETED, "") if records else (AggregationStatus.SKIPPED, "no_samples")
            results.append(InstanceResult.of(ref, status, code, processed_records=records, **own))
        return results


def _failed(ref: InstanceRef, error: BaseException) -> InstanceResult:
    return InstanceResult(ref.id, ref.name, error_code=error_code(error), error=stored_reason(error))

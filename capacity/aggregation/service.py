"""Rolls up a period for many instances: chunks, savepoints, isolation. It opens no session."""

from collections.abc import Iterable
from functools import partialmethod
from itertools import pairwise

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capacity.inventory.selection import FLEET, Selection, refs
from capacity.models import CapacityState, Instance
from capacity.periods import PERIOD_CONFIG, Period, parse_periods, period_config, today
from sync_sessions.choices import SessionStatus
from sync_sessions.common.collector import collector_off
from sync_sessions.errors import SessionLost

from .arguments import parse_scope
from .chunks import ChunkRunner
from .lanes import in_lanes, lanes_of_a_run
from .progress import ProgressCallbacks
from .results import REASONS, AggregationStatus, InstanceRef, InstanceResult, PeriodSummary


class AggregationService:
    """Computes period rows, which it alone writes (by `rollup`), and tells `ProgressCallbacks` how it goes.

    Has a method per entry of PERIOD_CONFIG beside those below (calculate_daily_aggregations and so on):
    `calculate_period_aggregations` with its first argument given.
    """

    def aggregate_current_period(
        self, period_type: str = "daily", scope: str | None = "all", callbacks: ProgressCallbacks | None = None
    ) -> PeriodSummary:
        """The period that contains today, of all active instances."""
        period = Period.containing(period_config(period_type).key, today())
        return self.calculate_period_aggregations(period_type, period=period, scope=scope, callbacks=callbacks)

    def calculate_period_aggregations(
        self,
        period_type: str,
        *,
        period: Period | None = None,
        scope: str | None = "all",
        instances: Iterable[Instance | InstanceRef] | None = None,
        callbacks: ProgressCallbacks | None = None,
    ) -> PeriodSummary:
        """One period of some instances (None: all active ones), both levels or one.

        `period` None: the current day for daily, the last complete period for the others. Commits after
        each chunk; inside a caller's transaction everything is savepoints. Raises what ends the whole run
        (PeriodError, ScopeError, SessionLost, database errors that no single instance can have caused);
        what one instance causes is in its result.
        """
        config = period_config(period_type)
        period = period or Period.by_default(config.key, today())
        if period.type != config.key:
            raise ValueError(f"{period} is not a {config.key} period")
        reason = "samples_purged" if _samples_purged(period) else ""
        runner = ChunkRunner(period, parse_scope(scope), callbacks or ProgressCallbacks(), reason)
        chosen = FLEET.refs() if instances is None else refs(instances)
        lanes = lanes_of_a_run()
        chunks = _chunks(chosen, lanes)
        done: dict[int, list[InstanceResult]] = {}

        def compute(number: int) -> None:
            done[number] = runner.run(chunks[number])

        try:
            with collector_off():
                in_lanes(compute, range(len(chunks)), lanes)
        except SessionLost as lost:
            if lost.session is None or lost.session.status != SessionStatus.CANCELLED:
                raise
        results: list[InstanceResult] = []
        for number, chunk in enumerate(chunks):
            # Without a result only when the run was cancelled.
            results += done.get(number) or [InstanceResult.of(ref, AggregationStatus.CANCELLED) for ref in chunk]
        return self.build_period_summary(period, results)

    def calculate_instance_aggregations(
        self, instance_id: int, periods: Iterable[str] | None = None
    ) -> dict[str, PeriodSummary]:
        """Both levels of one instance, per period type (None: all). Inactive or unknown: skipped, with the reason."""
        configs = parse_periods(periods)
        found = Selection(ids=(instance_id,)).refs()
        summaries = {}
        for config in configs:
            if found:
                summary = self.calculate_period_aggregations(config.key, instances=found)
            else:
                ref = InstanceRef(instance_id, str(instance_id))
                unknown = InstanceResult.of(ref, AggregationStatus.SKIPPED, "instance_unknown")
                summary = self.build_period_summary(Period.by_default(config.key, today()), [unknown])
            summaries[config.key] = summary
        return summaries

    @staticmethod
    def build_period_summary(period: Period, results: Iterable[InstanceResult]) -> PeriodSummary:
        """The totals of a run, made here and nowhere else. Pure."""
        results = tuple(results)
        by_status = {status: [r for r in results if r.status == status] for status in AggregationStatus}
        completed, skipped = by_status[AggregationStatus.COMPLETED], by_status[AggregationStatus.SKIPPED]
        failed, cancelled = by_status[AggregationStatus.FAILED], by_status[AggregationStatus.CANCELLED]
        if failed:
            status = AggregationStatus.FAILED
        elif cancelled:
            status = AggregationStatus.CANCELLED
        else:
            status = AggregationStatus.COMPLETED if completed else AggregationStatus.SKIPPED
        if not results:
            message = _("There is no active instance: nothing was aggregated.")
        else:
            message = ngettext(
                "%(done)d of %(count)d instance aggregated, %(skipped)d skipped, %(failed)d failed.",
                "%(done)d of %(count)d instances aggregated, %(skipped)d skipped, %(failed)d failed.",
                len(results),
            ) % {"done": len(completed), "count": len(results), "skipped": len(skipped), "failed": len(failed)}
        return PeriodSummary(
            period=period,
            status=status.value,
            message=message,
            processed_instances=len(completed),
            skipped_instances=len(skipped),
            failed_instances=len(failed),
            processed_records=sum(result.processed_records for result in results),
            errors=tuple(
                f"{one.instance_name}: {REASONS.get(one.error_code) or one.error or one.message}" for one in failed
            ),
            levels={name: _level_sums(name, results) for name in ("database", "instance")},
            results=results,
        )


for _config in PERIOD_CONFIG:
    setattr(
        AggregationService,
        _config.service_method,
        partialmethod(AggregationService.calculate_period_aggregations, _config.key),
    )


def _chunks(chosen: list[InstanceRef], lanes: int) -> list[list[InstanceRef]]:
    """Of at most WHALEFALL_CHUNK_SIZE, as many for each lane and of one size, so that none waits for another."""
    count = -(-len(chosen) // settings.WHALEFALL_CHUNK_SIZE)
    if count > 1:
        count = min(-(-count // lanes) * lanes, len(chosen))
    bounds = [-(-len(chosen) * number // count) for number in range(count + 1) if count]
    return [chosen[first:end] for first, end in pairwise(bounds)]


def _level_sums(name: str, results: tuple[InstanceResult, ...]) -> dict[str, int]:
    levels = [level for result in results if (level := getattr(result, name))]
    counts = ("processed_records", "created", "updated", "samples")
    return {"instances": len(levels), **{count: sum(getattr(level, count) for level in levels) for count in counts}}


def _samples_purged(period: Period) -> bool:
    """Whether a re-run would make rows from day rows that are there no more."""
    return period.previous().start < CapacityState.days_begin()

"""One level for some instances."""

from collections.abc import Sequence
from typing import ClassVar

from capacity.periods import Period
from sync_sessions.choices import Scope

from .results import AggregationStatus, LevelResult
from .rollup import DATABASE_LEVEL, INSTANCE_LEVEL, Level, Written, roll_up


class LevelRunner:
    name: ClassVar[str]  #: the field of InstanceResult that its result goes to
    level: ClassVar[Level]

    def run(self, period: Period, instance_ids: Sequence[int]) -> dict[int, LevelResult]:
        """Writes the period rows of these instances (one statement); a result for each of them."""
        written = roll_up(self.level, period, instance_ids)
        # One for all that are alike: most are, where instances are many.
        results = {rows: _result(period, rows) for rows in {None, *written.values()}}
        return {instance_id: results[written.get(instance_id)] for instance_id in instance_ids}


def _result(period: Period, rows: Written | None) -> LevelResult:
    if rows is None:
        return LevelResult(AggregationStatus.SKIPPED, period)
    return LevelResult(
        AggregationStatus.COMPLETED,
        period,
        processed_records=rows.processed,
        created=rows.created,
        updated=rows.processed - rows.created,
        samples=rows.samples,
    )


class DatabaseAggregationRunner(LevelRunner):
    name = "database"
    level = DATABASE_LEVEL


class InstanceAggregationRunner(LevelRunner):
    name = "instance"
    level = INSTANCE_LEVEL


RUNNERS: dict[str, tuple[LevelRunner, ...]] = {
    Scope.DATABASE: (DatabaseAggregationRunner(),),
    Scope.INSTANCE: (InstanceAggregationRunner(),),
    Scope.ALL: (DatabaseAggregationRunner(), InstanceAggregationRunner()),
}

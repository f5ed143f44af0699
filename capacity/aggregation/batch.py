"""Several periods by hand, one session after another."""

import time
from collections.abc import Iterable
from typing import Any

from capacity.periods import Period
from sync_sessions.errors import SessionAlreadyRunning
from sync_sessions.models import SyncSession

from .arguments import parse_scope
from .current import current_result
from .orchestrator import AggregationOrchestrator

BUSY = "busy"  #: the status of the entry of a period whose run was not started


def run_entry(period: Period, scope: str | None, *, wait: float = 0, **options: Any) -> dict[str, Any]:
    """One period through the orchestrator; a result as that of the manual run.

    While another run of the same kind is under way it is tried again, for `wait` seconds; then the entry has
    the status busy, no numbers, and the snapshot of that run's session. Raises what ends the run as a whole.
    """
    orchestrator, begun = AggregationOrchestrator(), time.monotonic()
    while True:
        try:
            run = orchestrator.run(period, scope, **options)
        except SessionAlreadyRunning as busy:
            if time.monotonic() - begun >= wait:
                return _busy_entry(period, scope, busy)
            time.sleep(1)
        else:
            return current_result(run.session, run.summary, run.snapshot)


def run_batch(periods: Iterable[Period], scope: str | None, **options: Any) -> list[dict[str, Any]]:
    """An entry per period, in their order. SessionAlreadyRunning when not one of them was started."""
    entries = [run_entry(period, scope, **options) for period in periods]
    if entries and all(entry["status"] == BUSY for entry in entries):
        first = entries[0]
        other = SyncSession.objects.get(session_id=first["session"]["session_id"])
        raise SessionAlreadyRunning(first["message"], other)
    return entries


def _busy_entry(period: Period, scope: str | None, busy: SessionAlreadyRunning) -> dict[str, Any]:
    assert busy.session is not None
    snapshot = AggregationOrchestrator().sessions.snapshot(busy.session)
    kinds = ("requested_period_type", "effective_period_type", "period_type")
    numbers = ("processed_instances", "skipped_instances", "failed_instances", "processed_records")
    return {
        "status": BUSY,
        "message": str(busy),
        "scope": parse_scope(scope),
        **dict.fromkeys(kinds, period.type),
        "period_start": period.start.isoformat(),
        "period_end": period.end.isoformat(),
        **dict.fromkeys(numbers, 0),
        "errors": [],
        "session": snapshot,
    }

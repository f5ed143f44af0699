"""The manual run: today's daily period, from the admin, the API or a queued session."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from django.utils.translation import gettext as _

from capacity.errors import AggregationDisabled
from capacity.inventory.selection import Selection
from capacity.models import Instance
from capacity.periods import Period, PeriodType, today
from capacity.runs.life import claimed
from capacity.runs.spec import RunSpec
from sync_sessions.common.masking import clean_error
from sync_sessions.errors import SessionFinished
from sync_sessions.models import SyncSession

from .arguments import parse_scope
from .orchestrator import AggregationOrchestrator
from .results import AggregationStatus
from .service import AggregationService

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class CurrentAggregationRequest:
    scope: str | None = None  #: None or blank: all
    requested_period_type: str | None = None  #: whatever it is, daily is what runs
    created_by: Any = None
    instances: Iterable[Instance] | None = None  #: None: all active ones

    def spec(self) -> RunSpec:
        """The run that is meant. ScopeError; another period than the daily one is logged and replaced."""
        scope = parse_scope(self.scope)
        requested = clean_error(self.requested_period_type or "").strip()[:64]
        period = Period.containing(PeriodType.DAILY.value, today())
        if requested and requested.lower() != period.type:
            log.info(
                "current_aggregation.period_forced",
                requested=requested,
                enforced=period.type,
                message=_("The period of a manual aggregation request was replaced by the daily period"),
            )
        return RunSpec.of_period(
            period,
            scope,
            Selection.of(self.instances),
            created_by=self.created_by,
            requested_period_type=requested or period.type,
        )


class CurrentAggregationService:
    """Runs the current day by hand, and what was queued for a worker. Results are dicts for JSON."""

    def __init__(
        self, service: AggregationService | None = None, orchestrator: AggregationOrchestrator | None = None
    ) -> None:
        self.orchestrator = orchestrator or AggregationOrchestrator(service)

    def aggregate_current(self, request: CurrentAggregationRequest) -> dict[str, Any]:
        """Aggregates today's period in a session of its own; gives its numbers and the session's snapshot.

        Failures of single instances are in the result (status failed): see `RunOutcome.as_dict`. Commits after each
        chunk. Raises ScopeError, AggregationDisabled and SessionAlreadyRunning before anything is written, and
        whatever ends the whole run, after it is on the session.
        """
        return self.orchestrator.run_spec(request.spec()).as_dict()

    def run_queued(self, session_id: str, task_id: str = "") -> dict[str, Any]:
        """Runs a pending session of any period; everything else is on it.

        One that is taken already is skipped, with the reason, and so is one whose switch was turned off since.
        """
        session = SyncSession.objects.get(session_id=session_id)
        try:
            run = claimed(session, task_id, sessions=self.orchestrator.sessions)
        except (SessionFinished, AggregationDisabled) as reason:
            event = "duplicate" if isinstance(reason, SessionFinished) else "disabled"
            log.warning(f"current_aggregation.{event}", session_id=session_id, reason=str(reason))
            return {"status": AggregationStatus.SKIPPED.value, "message": str(reason)}
        return self.orchestrator.run_claimed(run).as_dict()

"""The manual run: today's daily period, from the admin, the API or a queued session."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any

import structlog
from django.utils.translation import gettext as _

from capacity.models import Instance
from capacity.periods import Period, PeriodType, today
from sync_sessions.choices import SessionStatus, SyncType
from sync_sessions.common.masking import clean_error
from sync_sessions.errors import SessionFinished
from sync_sessions.models import SyncSession

from .arguments import parse_scope
from .orchestrator import AggregationOrchestrator
from .results import AggregationStatus, InstanceRef
from .run_records import recorded_period
from .service import AggregationService, instance_refs

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class CurrentAggregationRequest:
    scope: str | None = None  #: None or blank: all
    requested_period_type: str | None = None  #: whatever it is, daily is what runs
    created_by: Any = None
    instances: Iterable[Instance] | None = None  #: None: all active ones


class CurrentAggregationService:
    def __init__(
        self, service: AggregationService | None = None, orchestrator: AggregationOrchestrator | None = None
    ) -> None:
        self.orchestrator = orchestrator or AggregationOrchestrator(service)

    def aggregate_current(self, request: CurrentAggregationRequest) -> dict[str, Any]:
        """Aggregates today's period in a session of its own; gives its numbers and the session's snapshot.

        Failures of single instances are in the result (status failed). Raises ScopeError before anything is
        written, SessionAlreadyRunning, and whatever ends the whole run.
        """
        run = self.orchestrator.run(**self._asked(request))
        return current_result(run.session, run.summary, run.snapshot)

    def queue(self, request: CurrentAggregationRequest, dispatch: Callable[[str], object]) -> SyncSession:
        """Opens a pending session and hands its id to `dispatch`, for a worker to run.

        Raises what `aggregate_current` raises before a run, and what `dispatch` raises: the session is failed
        then and keeps nobody waiting.
        """
        return self.orchestrator.queue(**self._asked(request), dispatch=dispatch)

    def _asked(self, request: CurrentAggregationRequest) -> dict[str, Any]:
        """The run that a request means, for the orchestrator."""
        scope = parse_scope(request.scope)
        requested = clean_error(request.requested_period_type or "").strip()[:64]
        period = Period.containing(PeriodType.DAILY.value, today())
        if requested and requested.lower() != period.type:
            log.info(
                "current_aggregation.period_forced",
                requested=requested,
                enforced=period.type,
                message=_("The period of a manual aggregation request was replaced by the daily period"),
            )
        refs = None if request.instances is None else instance_refs(request.instances)
        return {
            "period": period,
            "scope": scope,
            "instances": refs,
            "sync_type": _sync_type(refs),
            "created_by": request.created_by,
            "requested_period_type": requested or period.type,
        }

    def run_queued(self, session_id: str, task_id: str = "") -> dict[str, Any]:
        """Runs a pending session of any period; everything else is on it.

        One that is taken already is skipped, with the reason.
        """
        session = SyncSession.objects.get(session_id=session_id)
        period = recorded_period(session)
        try:
            run = self.orchestrator.run(
                period, session.scope, sync_type=session.sync_type, session=session, task_id=task_id
            )
        except SessionFinished as taken:
            log.warning("current_aggregation.duplicate", session_id=session_id, reason=str(taken))
            return {"status": AggregationStatus.SKIPPED.value, "message": str(taken)}
        return current_result(run.session, run.summary, run.snapshot)


def current_result(session: SyncSession, summary: Any, snapshot: dict[str, Any]) -> dict[str, Any]:
    """The answer of a manual run; `summary` is a PeriodSummary or a mapping with some of its fields."""
    given = _fields(summary)
    status = str(given.get("status") or AggregationStatus.COMPLETED)
    if session.status == SessionStatus.CANCELLED:
        status = AggregationStatus.CANCELLED.value
    numbers = ("processed_instances", "skipped_instances", "failed_instances", "processed_records")
    return {
        "status": status,
        "message": str(given.get("message") or _("The aggregation of the current period has ended.")),
        "scope": session.scope,
        "requested_period_type": session.details["requested_period_type"],
        "effective_period_type": session.details["period_type"],
        "period_type": session.details["period_type"],
        "period_start": session.details["period_start"],
        "period_end": session.details["period_end"],
        **{name: int(given.get(name) or 0) for name in numbers},
        "errors": [str(error) for error in given.get("errors") or ()],
        "session": snapshot,
    }


def _fields(summary: Any) -> Mapping[str, Any]:
    if isinstance(summary, Mapping):
        return summary
    return vars(summary) if is_dataclass(summary) else {}


def _sync_type(refs: list[InstanceRef] | None) -> str:
    return SyncType.MANUAL_SINGLE if refs is not None and len(refs) == 1 else SyncType.MANUAL_TASK

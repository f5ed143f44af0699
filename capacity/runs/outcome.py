"""What a roll-up gives at its end: the same for every door."""

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any, Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sync_sessions.choices import SessionStatus
from sync_sessions.errors import SessionAlreadyRunning
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .life import Run
from .spec import RunSpec

BUSY = "busy"  #: the status of a run that was not started, as another of its kind was under way


@dataclass(frozen=True)
class RunOutcome:
    """One run at its end. Its numbers are those of the service, its status agrees with that of the session."""

    spec: RunSpec
    session: SyncSession  #: as it ended; of a busy one, the session in its way
    snapshot: dict[str, Any]  #: the same as the API shows it
    status: str  #: completed, skipped, failed, cancelled or busy
    message: str
    processed_instances: int = 0
    skipped_instances: int = 0
    failed_instances: int = 0
    processed_records: int = 0
    errors: tuple[str, ...] = ()
    summary: Any = None  #: what the service gave: a PeriodSummary

    @classmethod
    def of(cls, run: Run, summary: Any) -> Self:
        """Of a run that has ended; `summary` is a PeriodSummary or a mapping with some of its fields. One query."""
        given = summary if isinstance(summary, Mapping) else vars(summary) if is_dataclass(summary) else {}
        numbers = ("processed_instances", "skipped_instances", "failed_instances", "processed_records")
        counts = {name: int(given.get(name) or 0) for name in numbers}
        status = str(given.get("status") or "completed")
        message = str(given.get("message") or _("The aggregation of the current period has ended."))
        errors = [str(error) for error in given.get("errors") or ()]
        session = run.session
        if session.status in (SessionStatus.CANCELLED, SessionStatus.FAILED):
            status = str(session.status)
        missing = session.failed_instances - counts["failed_instances"]
        if session.status == SessionStatus.FAILED and missing > 0:
            # Records that nothing finished: an instance deleted meanwhile, a service that did not tell.
            counts["failed_instances"] += missing
            text = ngettext(
                "%(count)d instance ended without a result.", "%(count)d instances ended without a result.", missing
            )
            errors.append(text % {"count": missing})
            message = f"{message} {errors[-1]}"
        return cls(run.spec, session, run.snapshot(), status, message, errors=tuple(errors), summary=summary, **counts)

    @classmethod
    def busy(cls, spec: RunSpec, error: SessionAlreadyRunning) -> Self:
        """Of a run that another one kept from starting. One query."""
        return cls(spec, error.session, sync_session_service.snapshot(error.session), BUSY, str(error))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the numbers, which period was asked for and which was run (ISO dates), the session's snapshot."""
        period = self.spec.period
        assert period
        return {
            "status": self.status,
            "message": self.message,
            "scope": self.spec.scope,
            "requested_period_type": self.spec.requested_period_type or period.type,
            "effective_period_type": period.type,
            "period_type": period.type,
            "period_start": period.start.isoformat(),
            "period_end": period.end.isoformat(),
            "processed_instances": self.processed_instances,
            "skipped_instances": self.skipped_instances,
            "failed_instances": self.failed_instances,
            "processed_records": self.processed_records,
            "errors": list(self.errors),
            "session": self.snapshot,
        }

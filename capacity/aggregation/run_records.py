"""How results are written into the run log."""

from datetime import date, datetime, time
from typing import Any

from django.utils import timezone, translation

from capacity.periods import Period
from sync_sessions.choices import RecordStatus, Scope
from sync_sessions.common.masking import clean_error
from sync_sessions.models import SyncSession
from sync_sessions.services import RecordResult

from .results import AggregationStatus, InstanceRef, InstanceResult

_RECORD_STATUS = {
    AggregationStatus.COMPLETED.value: RecordStatus.COMPLETED.value,
    AggregationStatus.SKIPPED.value: RecordStatus.SKIPPED.value,
}


def lock_key(period: Period, refs: list[InstanceRef], fleet: bool) -> str:
    """One open session per period type over the fleet, and per period type and instance."""
    whole = fleet or len(refs) != 1
    return f"aggregation:{period.type}" if whole else f"aggregation:{period.type}:{refs[0].id}"


def session_details(
    period: Period, requested_period_type: str | None, retry_of: str = "", selected: int | None = None
) -> dict[str, Any]:
    """`retry_of`: the id of the session that is run again. `selected`: see `SyncSession.selected`."""
    return {
        "period_type": period.type,
        "period_start": period.start.isoformat(),
        "period_end": period.end.isoformat(),
        "requested_period_type": requested_period_type or period.type,
        **({"retry_of": retry_of} if retry_of else {}),
        **({} if selected is None else {"selected": selected}),
    }


def recorded_period(session: SyncSession) -> Period:
    """The period that a session is about."""
    return Period.containing(session.details["period_type"], date.fromisoformat(session.details["period_start"]))


def record_result(record_id: int, period: Period, scope: str, result: InstanceResult) -> RecordResult:
    """The end of a record: its numbers, its reason (in English, as stored texts are) and `sync_details`."""
    with translation.override("en"):
        reason = clean_error(result.error or result.message)
    failed = result.status == AggregationStatus.FAILED
    if failed:
        aggregation: dict[str, Any] = {"status": str(result.status), "error": reason}
    else:
        aggregation = {
            "status": str(result.status),
            "message": reason,
            "errors": [],
            "processed_records": result.processed_records,
            "database": result.database and result.database.as_dict(),
            "instance": result.instance and result.instance.as_dict(),
        }
    return RecordResult(
        record_id=record_id,
        status=_RECORD_STATUS.get(str(result.status), RecordStatus.FAILED.value),
        items_synced=result.processed_records,
        items_created=result.created,
        items_updated=result.updated,
        error_code=result.error_code or ("aggregation_failed" if failed else ""),
        error_message=reason,
        sync_details=details(period, scope, result.processed_records, aggregation),
    )


def details(period: Period, scope: str, count: int, aggregation: dict[str, Any]) -> dict[str, Any]:
    """`sync_details`, version 1."""
    return {
        "version": 1,
        "scope": str(Scope(scope)),
        "period_type": period.type,
        "period_start": _midnight(period.start),
        "period_end": _midnight(period.end),
        "aggregation_count": count,
        "aggregation_result": aggregation,
    }


def _midnight(day: date) -> str:
    """When the day begins in the product's time zone, ISO 8601 with offset."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone()).isoformat()

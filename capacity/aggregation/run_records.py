"""How results are written into the run log."""

from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

from django.utils import timezone, translation
from django.utils.functional import Promise

from capacity.periods import Period
from sync_sessions.choices import RecordStatus, Scope
from sync_sessions.common.masking import clean_error
from sync_sessions.results import RecordResult

from .results import AggregationStatus, InstanceResult, LevelResult

_RECORD_STATUS = {
    AggregationStatus.COMPLETED.value: RecordStatus.COMPLETED.value,
    AggregationStatus.SKIPPED.value: RecordStatus.SKIPPED.value,
}


def record_result(record_id: int, period: Period, scope: str, result: InstanceResult) -> RecordResult:
    """The end of a record: its numbers, its reason (in English, as stored texts are) and `sync_details`."""
    reason = _in_english(result.error or result.message)
    failed = result.status == AggregationStatus.FAILED
    levels = result.database, result.instance
    return RecordResult(
        record_id=record_id,
        status=_RECORD_STATUS.get(str(result.status), RecordStatus.FAILED.value),
        items_synced=result.processed_records,
        items_created=result.created,
        items_updated=result.updated,
        error_code=result.error_code or ("aggregation_failed" if failed else ""),
        error_message=reason,
        sync_details=_details_of(period, scope, str(result.status), reason, result.processed_records, *levels),
    )


@lru_cache(maxsize=1000)
def _details_of(
    period: Period,
    scope: str,
    status: str,
    reason: str,
    processed_records: int,
    database: LevelResult | None,
    instance: LevelResult | None,
) -> dict[str, Any]:
    """One object for all that are alike, by which the run log knows them."""
    if status == AggregationStatus.FAILED:
        return details(period, scope, processed_records, {"status": status, "error": reason})
    aggregation = {
        "status": status,
        "message": reason,
        "errors": [],
        "processed_records": processed_records,
        "database": database and database.as_dict(),
        "instance": instance and instance.as_dict(),
    }
    return details(period, scope, processed_records, aggregation)


def details(period: Period, scope: str, count: int, aggregation: dict[str, Any]) -> dict[str, Any]:
    """`sync_details`, version 1."""
    return {**_equal_part(period, scope), "aggregation_count": count, "aggregation_result": aggregation}


@lru_cache(maxsize=100)
def _equal_part(period: Period, scope: str) -> dict[str, Any]:
    """What is the same for all instances of a run, so it is kept."""
    return {
        "version": 1,
        "scope": str(Scope(scope)),
        "period_type": period.type,
        "period_start": _midnight(period.start),
        "period_end": _midnight(period.end),
    }


def _in_english(text: str | Promise) -> str:
    if not text:  # of the thousands that went well
        return ""
    with translation.override("en"):
        return clean_error(text)


def _midnight(day: date) -> str:
    """When the day begins in the product's time zone, ISO 8601 with offset."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone()).isoformat()

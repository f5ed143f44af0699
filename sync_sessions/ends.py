"""How a session ends: the one place that writes its last status."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, Exists, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Now

from .choices import OPEN_SESSION, RecordStatus, SessionStatus
from .models import SyncInstanceRecord, SyncSession


@dataclass(frozen=True)
class End:
    """How a session ends. `record_...` is what its unfinished records get; blank: what the session gets."""

    status: str | None  #: None: completed, or failed when a record failed
    record_status: str
    code: str = ""
    text: str = ""
    record_code: str = ""
    record_text: str = ""
    record_details: Mapping[str, Any] | None = None  #: their sync_details; None: as they are


def end_session(session: SyncSession, expected: QuerySet[SyncSession], end: End) -> bool:
    """Ends the session if it is among the `expected` still; False, with nothing written, if not.

    The counters are made from the records. One transaction.
    """
    with transaction.atomic():
        # Locks the row in its expected state before the records are touched.
        if not expected.filter(pk=session.pk).update(updated_at=Now()):
            return False
        records = SyncInstanceRecord.objects.filter(session=session)
        details = {} if end.record_details is None else {"sync_details": end.record_details}
        records.unfinished().update(
            **details,
            status=end.record_status,
            error_code=end.record_code or end.code,
            error_message=end.record_text or end.text,
            completed_at=Now(),
        )

        def counted(*statuses: str) -> Coalesce:
            matching = SyncInstanceRecord.objects.filter(session=OuterRef("pk"), status__in=statuses)
            totals = matching.order_by().values("session").annotate(n=Count("pk")).values("n")
            return Coalesce(Subquery(totals), 0)

        has_failed = Exists(SyncInstanceRecord.objects.filter(session=OuterRef("pk"), status=RecordStatus.FAILED))
        by_records = Case(When(has_failed, then=Value(SessionStatus.FAILED)), default=Value(SessionStatus.COMPLETED))
        SyncSession.objects.filter(pk=session.pk, status__in=OPEN_SESSION).update(
            status=by_records if end.status is None else Value(end.status),
            successful_instances=counted(RecordStatus.COMPLETED),
            failed_instances=counted(RecordStatus.FAILED),
            skipped_instances=counted(RecordStatus.SKIPPED),
            completed_at=Now(),
            updated_at=Now(),
            error_code=end.code,
            error_message=end.text,
        )
    return True

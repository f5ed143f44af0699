"""How each kind of session of this app is run again: registered with the run log, which knows no kind."""

from typing import Any

from django.db.models import QuerySet

from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.aggregation.run_records import recorded_period
from capacity.collection.service import CollectionService
from capacity.models import Instance
from sync_sessions.choices import SyncCategory, SyncType
from sync_sessions.models import SyncSession
from sync_sessions.retries import register_retry

from . import queueing
from .start import check_enabled


def retry_aggregation(session: SyncSession, instance_ids: list[int], *, created_by: Any, queue: bool) -> SyncSession:
    """The same period and scope again, of these instances. Raises what a run raises, and QueueUnavailable."""
    check_enabled()
    options: dict[str, Any] = {
        "instances": _instances(instance_ids),
        "sync_type": SyncType.by_hand(instance_ids),
        "created_by": created_by,
        "requested_period_type": session.details.get("requested_period_type"),
        "retry_of": str(session.session_id),
    }
    orchestrator, period = AggregationOrchestrator(), recorded_period(session)
    if queue:
        return orchestrator.queue(period, session.scope, dispatch=queueing.send_aggregation, **options)
    return orchestrator.run(period, session.scope, **options).session


def retry_collection(session: SyncSession, instance_ids: list[int], *, created_by: Any, queue: bool) -> SyncSession:
    """Measures these instances again, as they are now."""
    options: dict[str, Any] = {
        "sync_type": SyncType.by_hand(instance_ids),
        "created_by": created_by,
        "retry_of": str(session.session_id),
    }
    service = CollectionService()
    if queue:
        return service.start(queueing.send_collection, instances=_instances(instance_ids), **options)
    return service.collect(_instances(instance_ids), **options).session


def register() -> None:
    register_retry(SyncCategory.AGGREGATION, retry_aggregation)
    register_retry(SyncCategory.CAPACITY, retry_collection)


def _instances(ids: list[int]) -> QuerySet[Instance]:
    return Instance.objects.filter(pk__in=ids)

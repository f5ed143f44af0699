"""Celery tasks: a name, a retry policy, one call. The work is in the runners and services; each result is JSON."""

from dataclasses import asdict
from typing import Any

import structlog
from celery import Task, shared_task
from celery.utils.time import get_exponential_backoff_interval
from django.conf import settings

from capacity.upkeep.retention import purge

from .aggregation.chosen import run_chosen
from .aggregation.current import CurrentAggregationService
from .aggregation.service import AggregationService
from .aggregation.task_runner import AggregationTaskRunner, by_hand
from .alerts.jobs import evaluate_and_send
from .alerts.monthly import queue_reports
from .alerts.outbox import send_pending
from .collection import tables_run
from .collection.service import collect_batch, collect_fleet
from .insight import service as insight

log = structlog.get_logger(__name__)

RETRIES = 3


def finish(task: Task, result: dict[str, Any]) -> dict[str, Any]:
    """Retries the task when its result asks for it; after the last time the result stands, and is logged.

    What is transient is tried again at growing, jittered intervals; what is busy, after the time it says.
    """
    wait = result.get("retry_after")
    if not wait:
        return result
    if task.request.retries >= RETRIES:
        log.warning("task.given_up", task=task.name, message=result["message"])
        return result
    if result.get("error_class") == "transient":
        wait += get_exponential_backoff_interval(wait, task.request.retries, 600 - wait, full_jitter=True)
    raise task.retry(countdown=wait, max_retries=RETRIES)


@shared_task(name="capacity.run_capacity_aggregation", bind=True)
def run_capacity_aggregation(
    self: Task,
    periods: list[str] | None = None,
    scope: str = "all",
    started_by: int | None = None,
    everything: bool = False,
    tags: list[str] | None = None,
) -> dict[str, Any]:
    """Aggregates the complete periods of these types (None: all) that are due: see `AggregationTaskRunner`.

    `started_by`: the key of the user who asked for it, if no schedule did; `everything`: however old; `tags`: only of
    instances with one of them.
    `{"status", "message", "retry_after", "error_class", "periods": [a result each]}`. Never raises but to come again.
    """
    runner = AggregationTaskRunner(AggregationService())
    by = by_hand(started_by) if started_by else {}
    task_id = self.request.id or ""
    by |= {"everything": everything, "tags": tags}
    return finish(self, runner.run_periods(periods, scope=scope, task_id=task_id, **by))


@shared_task(name="capacity.run_capacity_instance_aggregation", bind=True)
def run_capacity_instance_aggregation(
    self: Task, instance_id: int, periods: list[str] | None = None
) -> dict[str, Any]:
    """Aggregates the last complete periods of one instance, both levels; an inactive or unknown one is skipped."""
    runner = AggregationTaskRunner(AggregationService())
    return finish(self, runner.run_instance(instance_id, periods, task_id=self.request.id or ""))


@shared_task(name="capacity.aggregate_current", bind=True)
def aggregate_current(self: Task, session_id: str) -> dict[str, Any]:
    """Runs a queued session of any period; gives its numbers (`RunOutcome.as_dict`), or skipped and why.

    Raises what ends the whole run, after it is on the session.
    """
    return CurrentAggregationService().run_queued(session_id, task_id=self.request.id or "")


@shared_task(name="capacity.aggregate_periods", bind=True)
def aggregate_periods(
    self: Task, periods: list[list[str]], scope: str, selection: dict[str, Any], started_by: int
) -> dict[str, Any]:
    """Runs chosen periods ([type, first day] each) of some instances (fields of Selection), one after another."""
    return run_chosen(periods, scope, selection, started_by, task_id=self.request.id or "")


@shared_task(name="capacity.collect_capacity", bind=True)
def collect_capacity(self: Task, tags: list[str] | None = None) -> dict[str, Any]:
    """Opens a session for the collection of the fleet and queues its batches: `{"status", "session_id", "instances"}`.

    `tags`: only of instances with one of them. Comes again while another collection is under way; raises what else
    keeps it from starting.
    """
    return finish(self, collect_fleet(collect_capacity_batch.delay, tags=tags, task_id=self.request.id or ""))


# After its process was killed it is begun again while the session is still taken for alive.
@shared_task(name="capacity.collect_capacity_batch", default_retry_delay=settings.WHALEFALL_SESSION_LEASE // 3)
def collect_capacity_batch(session_id: str, instance_ids: list[int]) -> dict[str, Any]:
    """Collects from these instances of a session: `{"status" (of the session), "session_id", "instances"}`.

    Raises what ends the whole session, after it is on it.
    """
    return collect_batch(session_id, instance_ids)


@shared_task(name="capacity.refresh_insight", bind=True)
def refresh_insight(self: Task, session_id: str | None = None, tags: list[str] | None = None) -> dict[str, Any]:
    """Makes the forecasts and events of the instances whose day rows changed, or of a queued session; then the alerts.

    `tags`: only of those with one of them. Comes again while another such run is under way; raises what ends the whole
    run, after it is on the session.
    """
    task_id = self.request.id or ""
    try:
        if session_id:
            return insight.run_queued(session_id, task_id)
        return finish(self, insight.run_scheduled(task_id, tags))
    finally:
        # Whatever became of it: a run that failed is what somebody may want to hear of.
        evaluate_and_send()


@shared_task(name="capacity.snapshot_tables", bind=True)
def snapshot_tables(self: Task, session_id: str | None = None, tags: list[str] | None = None) -> dict[str, Any]:
    """Measures the largest tables of the databases that had an event, or of a queued session.

    `tags`: only of instances with one of them. Comes again while another such run is under way; raises what ends the
    whole run, after it is on the session.
    """
    task_id = self.request.id or ""
    if session_id:
        return tables_run.run_queued(session_id, task_id)
    return finish(self, tables_run.run_scheduled(task_id, tags))


@shared_task(name="capacity.send_notifications")
def send_notifications() -> dict[str, Any]:
    """Sends the messages that are due, each once: `{"sent", "failed", "waiting"}`. Database errors propagate."""
    return asdict(send_pending())


@shared_task(name="capacity.send_report")
def send_report() -> dict[str, Any]:
    """Puts the report of the last month into the outbox for each channel that wants it: `{"messages"}`."""
    return {"messages": queue_reports()}


@shared_task(name="capacity.purge_samples")
def purge_samples() -> dict[str, Any]:
    """Deletes what is older than its retention, in batches: see `PurgeResult`. Database errors propagate."""
    return purge().as_dict()

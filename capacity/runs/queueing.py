"""Handing a session to workers, for every door.

By the fixed names of the tasks: a task is a door itself, and nothing below the doors imports one.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.utils.translation import gettext as _

from capacity.errors import QueueUnavailable
from capacity.inventory.selection import Selection
from capacity.periods import Period

log = structlog.get_logger(__name__)

#: Of the connection that a door opens for its message: a person waits for the answer. Workers keep the patient one of
#: the pool. Times in seconds.
IMPATIENT = {"socket_connect_timeout": 1, "socket_timeout": 1, "max_retries": 0}


def send_aggregation(session_id: str) -> None:
    """Queues the run of a pending aggregation session, whatever its period. Raises QueueUnavailable."""
    _send("capacity.aggregate_current", session_id)


def send_collection(session_id: str, instance_ids: list[int]) -> None:
    """Queues a batch of a collection's session. Raises QueueUnavailable."""
    _send("capacity.collect_capacity_batch", session_id, instance_ids)


def send_due(periods: list[str], started_by: int, everything: bool, tags: Iterable[str] = ()) -> None:
    """Queues what a schedule of these types and tags does, for a person. Raises QueueUnavailable."""
    _send("capacity.run_capacity_aggregation", periods, "all", started_by, everything, list(tags))


def send_periods(plan: Iterable[Period], scope: str, selection: Selection, started_by: int) -> None:
    """Queues the runs of these periods, one after another, for a person. Raises QueueUnavailable."""
    periods = [[period.type, period.start.isoformat()] for period in plan]
    _send("capacity.aggregate_periods", periods, scope, asdict(selection), started_by)


def send_insight(session_id: str) -> None:
    """Queues the run of a pending session of forecasts. Raises QueueUnavailable."""
    _send("capacity.refresh_insight", session_id)


def send_tables(session_id: str) -> None:
    """Queues the run of a pending session of largest tables. Raises QueueUnavailable."""
    _send("capacity.snapshot_tables", session_id)


def _send(task: str, *args: Any) -> None:
    try:
        with current_app.connection_for_write(settings.CELERY_BROKER_URL, transport_options=IMPATIENT) as connection:
            current_app.send_task(task, args, connection=connection, retry=False)
    except Exception as error:
        log.error("queue.unavailable", task=task, error=str(error))
        raise QueueUnavailable(
            _("The queue does not answer, so nothing was started: check that Redis runs, then try again.")
        ) from error

"""What the tasks and the insight run call."""

from dataclasses import asdict
from typing import Any

from django.core.cache import cache

from capacity.models import RuleKind
from sync_sessions.common.broker import has_broker

from .evaluation import evaluate
from .outbox import send_pending

EVERY_SECONDS = 300


def evaluate_and_send() -> dict[str, Any]:
    """Evaluates every rule; without a broker the messages are sent at once, as no task would. Gives the counts."""
    counts = asdict(evaluate())
    return counts | {"sent": send_without_broker()}


def evaluate_in_web() -> None:
    """Tells of missed schedules from a page, at most every few minutes: what would do it else may be what is dead.

    Writes as `evaluate` does, and sends what waits.
    """
    if cache.add("alerts.evaluated_in_web", True, EVERY_SECONDS):
        evaluate(kinds=[RuleKind.SCHEDULE_MISSED])
        send_pending()


def send_without_broker() -> int:
    """Sends what is due, where no worker would; gives how many messages were sent."""
    return 0 if has_broker() else send_pending().sent

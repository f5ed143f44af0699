"""What the tasks and the insight run call."""

from dataclasses import asdict
from typing import Any

from sync_sessions.common.broker import has_broker

from .evaluation import evaluate
from .outbox import send_pending


def evaluate_and_send() -> dict[str, Any]:
    """Evaluates every rule; without a broker the messages are sent at once, as no task would. Gives the counts."""
    counts = asdict(evaluate())
    return counts | {"sent": send_without_broker()}


def send_without_broker() -> int:
    """Sends what is due, where no worker would; gives how many messages were sent."""
    return 0 if has_broker() else send_pending().sent

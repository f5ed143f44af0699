"""Trying again while the product's own database is away for a moment: one policy."""

from collections.abc import Callable

import structlog
from django.db import Error, connection
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
    wait_random_exponential,
)

from .faults import Fault, classify

log = structlog.get_logger(__name__)

LONGEST_PAUSE = 2  # seconds, and up to as much again


def _may_pass(error: BaseException) -> bool:
    """Within a caller's transaction nothing is tried again: the transaction is lost."""
    return isinstance(error, Error) and classify(error) is Fault.TRANSIENT and not connection.in_atomic_block


def _before_the_next(event: str) -> Callable[[RetryCallState], None]:
    def reconnect(state: RetryCallState) -> None:
        assert state.outcome
        log.warning(event, attempt=state.attempt_number, error=str(state.outcome.exception()).strip())
        connection.close_if_unusable_or_obsolete()

    return reconnect


_transient = Retrying(
    retry=retry_if_exception(_may_pass),
    # Half a second, doubled each time, and a random part as large: who failed together does not come together.
    wait=wait_exponential(0.5, LONGEST_PAUSE) + wait_random_exponential(0.5, LONGEST_PAUSE),
    before_sleep=_before_the_next("database.step_retried"),
    reraise=True,
)
#: `persist(step)` does a step of bookkeeping, again for 30 s while its errors are transient; raises what it raises.
persist = _transient.copy(stop=stop_after_delay(30))
#: The same for what is too much work to be done more than four times: a chunk of a run.
few_times = _transient.copy(stop=stop_after_attempt(4), before_sleep=_before_the_next("aggregation.chunk_retried"))

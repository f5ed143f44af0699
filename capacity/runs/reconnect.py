"""Bookkeeping that outlasts a database that is away for a moment."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import Error, connection

from .faults import Fault, classify

log = structlog.get_logger(__name__)
T = TypeVar("T")

RECONNECT_SECONDS = 30


def persist(step: Callable[[], T]) -> T:
    """Does a step in the product's own database; again, for 30 s, while its errors are transient.

    Within a caller's transaction nothing is tried again: the transaction is lost. Raises what the step raises.
    """
    deadline = time.monotonic() + RECONNECT_SECONDS
    while True:
        try:
            return step()
        except Error as error:
            again = classify(error) is Fault.TRANSIENT and not connection.in_atomic_block
            if not again or time.monotonic() > deadline:
                raise
            log.warning("database.step_retried", error=str(error).strip())
            connection.close_if_unusable_or_obsolete()
            time.sleep(random.uniform(0.5, 1.5))

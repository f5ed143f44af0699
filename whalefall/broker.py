"""The Redis transport of the queue, which outlives what is no message."""

from queue import Empty
from typing import Any

import structlog
from kombu.transport import redis

log = structlog.get_logger(__name__)


class Channel(redis.Channel):
    def _brpop_read(self, **options: Any) -> Any:
        """As kombu's, but what cannot be read as a message is dropped, as it has left the list already.

        kombu lets the error go on to the worker, which ends: with all that it was at, for one wrong push to a list.
        """
        try:
            return super()._brpop_read(**options)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            log.error("broker.no_message", error=f"{type(error).__name__}: {error}"[:300])
            raise Empty from error  # nothing there, to whoever polls


class Transport(redis.Transport):
    Channel = Channel

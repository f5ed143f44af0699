import time
from typing import Any

import structlog
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle

log = structlog.get_logger(__name__)


class FixedWindow(SimpleRateThrottle):
    """Counts in windows that begin at multiples of their length, in one step for each request.

    DRF reads a list of times, adds to it and writes it back: requests at the same moment do not see each other.
    """

    num_requests: int
    duration: int  #: of the window, in seconds

    def allow_request(self, request: Request, view: Any) -> bool:
        window, gone = divmod(time.time(), self.duration)
        self.left = self.duration - gone
        key = f"{self.get_cache_key(request, view)}:{window:.0f}"
        self.cache.add(key, 0, self.duration)
        try:
            return int(self.cache.incr(key)) <= self.num_requests
        except ValueError:
            return True  # a cache in memory that is full has dropped it meanwhile

    def wait(self) -> float:
        """The rest of the window, in seconds."""
        return self.left


class ScopedThrottle(ScopedRateThrottle, FixedWindow):
    """Limits the requests of a user to the views of one `throttle_scope`."""

    def allow_request(self, request: Request, view: Any) -> bool:
        try:
            return super().allow_request(request, view)
        except RedisError as error:
            # A limit is a courtesy among clients: without the cache that counts, everybody is let in.
            log.warning("throttle.cache_unavailable", scope=self.scope, error=str(error))
            return True

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle

from whalefall.counting import seconds_to_wait


class FixedWindow(SimpleRateThrottle):
    """Counts in windows that begin at multiples of their length, in the database.

    DRF reads a list of times from the cache, adds to it and writes it back: requests at the same moment do not see
    each other, and without Redis every process has a cache of its own.
    """

    num_requests: int
    duration: int  #: of the window, in seconds

    def allow_request(self, request: Request, view: Any) -> bool:
        self.left = seconds_to_wait(str(self.get_cache_key(request, view)), self.num_requests, self.duration)
        return self.left is None

    def wait(self) -> float | None:
        """The rest of the window, in seconds."""
        return self.left


class ScopedThrottle(ScopedRateThrottle, FixedWindow):
    """Limits the requests of a user to the views of one `throttle_scope`."""

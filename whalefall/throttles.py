from typing import Any

import structlog
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle

log = structlog.get_logger(__name__)


class ScopedThrottle(ScopedRateThrottle):
    """Counts the requests of a user to the views of one `throttle_scope`."""

    def allow_request(self, request: Request, view: Any) -> bool:
        try:
            return super().allow_request(request, view)
        except RedisError as error:
            # A limit is a courtesy among clients: without the cache that counts, everybody is let in.
            log.warning("throttle.cache_unavailable", scope=self.scope, error=str(error))
            return True

from rest_framework.throttling import ScopedRateThrottle


class ScopedThrottle(ScopedRateThrottle):
    """Counts the requests of a user to the views of one `throttle_scope`."""

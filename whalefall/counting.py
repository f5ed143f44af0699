"""Limits of so many requests in a time, counted in the database: over all processes, with and without Redis."""

import time

from django.db import connection

from .models import RequestCount

KEPT = 24 * 3600  #: seconds that a window which nobody asks in any more is kept

# One statement, so that requests at the same moment all count; no row comes back when the limit is reached.
COUNT = """
    INSERT INTO request_counts (name, began_at, requests) VALUES (%s, %s, 1)
    ON CONFLICT (name) DO UPDATE SET
        requests = CASE WHEN request_counts.began_at = excluded.began_at THEN request_counts.requests + 1 ELSE 1 END,
        began_at = excluded.began_at
    WHERE request_counts.began_at <> excluded.began_at OR request_counts.requests < %s
    RETURNING requests
"""


def seconds_to_wait(name: str, most: int, window: int) -> float | None:
    """Counts a request of `name`; None when it is among the `most` of this window, else the rest of it in seconds.

    Windows begin at multiples of their length (`window` seconds).
    """
    now = time.time()
    began_at = int(now // window) * window
    # A flood is refused by reading: on SQLite each of its writes would keep every other one waiting.
    if RequestCount.objects.filter(name=name, began_at=began_at, requests__gte=most).exists():
        return began_at + window - now
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [name, began_at, most])
        counted = cursor.fetchone()
    if counted is None:
        return began_at + window - now
    if counted[0] == 1:
        RequestCount.objects.filter(began_at__lt=began_at - KEPT).delete()
    return None

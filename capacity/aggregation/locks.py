"""The gate in front of scheduled runs, so that many workers do not even start the same one."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.utils.translation import gettext as _
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import LockError, RedisError
from redis.lock import Lock
from redis.retry import Retry

from capacity.errors import JobBusy
from capacity.periods import Period

log = structlog.get_logger(__name__)


class JobLock:
    """What the holder keeps: `extend()` for as long as the run goes on. Without Redis it does nothing."""

    def __init__(self, lock: Lock | None = None) -> None:
        self._lock = lock

    def extend(self, _results: object = None) -> None:
        """Moves the time-out to a whole lease from now; fit for a listener to the run's progress.

        A lost lock is a warning: the session is what counts.
        """
        if self._lock is not None:
            try:
                self._lock.reacquire()
            except (RedisError, LockError) as error:
                log.warning("job_lock.not_extended", error=str(error))


class CapacityLockManager:
    """Redis locks when REDIS_URL is set; the constraint on open sessions decides in any case."""

    def __init__(self, url: str | None = None) -> None:
        self.url = settings.REDIS_URL if url is None else url

    @contextmanager
    def job_lock(self, period: Period) -> Iterator[JobLock]:
        """Holds the lock of the period's type. JobBusy when another process has it; never hides the body's error.

        Redis not answering is a warning, and the database alone decides.
        """
        lock = self._acquire(f"whalefall:aggregation:{period.type}")
        try:
            yield JobLock(lock)
        finally:
            if lock is not None:
                try:
                    lock.release()
                except (RedisError, LockError) as error:
                    # It runs out by itself after a lease.
                    log.warning("job_lock.not_released", error=str(error))
                finally:
                    lock.redis.close()

    def _acquire(self, name: str) -> Lock | None:
        if not self.url:
            return None
        # One retry and short time-outs: the defaults wait 4 s for a Redis that is down.
        client = Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 1))
        # Not bound to this thread, as by default.
        lock = Lock(client, name, timeout=settings.WHALEFALL_SESSION_LEASE, blocking=False, thread_local=False)
        try:
            acquired = lock.acquire()
        except RedisError as error:
            client.close()
            log.warning("job_lock.redis_unavailable", error=str(error))
            return None
        if not acquired:
            client.close()
            raise JobBusy(_("Another worker is aggregating this kind of period at the moment."))
        return lock

"""The lock of scheduled jobs, on a real Redis, and without one."""

import socket
from contextlib import contextmanager
from threading import Thread
from urllib.parse import urlsplit

import pytest
from redis import Redis
from structlog.testing import capture_logs

from capacity.aggregation.locks import CapacityLockManager
from capacity.aggregation.service import AggregationService
from capacity.aggregation.task_runner import AggregationTaskRunner
from capacity.errors import JobBusy
from capacity.tests.factories import make_instance
from capacity.tests.samples import mark, the
from capacity.tests.servers import closed_port, freezing_proxy, serving
from whalefall.tests.brokers import redis_database

DAY = the("daily", "2025-06-29")
KEY = "whalefall:aggregation:daily"
LEASE = 3000


class OwnError(Exception):
    """Of the body."""


@pytest.fixture(scope="module")
def url():
    with redis_database() as url:
        yield url


@pytest.fixture
def redis(url):
    with Redis.from_url(url, decode_responses=True) as client:
        client.delete(KEY)
        yield client
        client.delete(KEY)


@pytest.fixture(autouse=True)
def _lease(settings):
    settings.WHALEFALL_SESSION_LEASE = LEASE


@pytest.fixture
def locks(url, redis):
    return CapacityLockManager(url)


@pytest.fixture
def freezable(url):
    """A lock manager whose way to Redis can be frozen, and the event that does it."""
    with freezing_proxy(urlsplit(url).port or 6379) as (port, frozen):
        yield CapacityLockManager(f"redis://127.0.0.1:{port}{urlsplit(url).path}"), frozen


@pytest.fixture
def logs():
    with capture_logs() as logs:
        yield logs


def events(logs):
    return [(line["log_level"], line["event"]) for line in logs]


def left(redis):
    """Seconds until the lock runs out by itself."""
    return redis.pttl(KEY) / 1000


def test_what_one_worker_has_another_is_refused_until_it_is_released(locks, url):
    other = CapacityLockManager(url)
    with locks.job_lock(DAY):
        with pytest.raises(JobBusy, match="Another worker is aggregating this kind of period"), other.job_lock(DAY):
            pytest.fail("both have it")
        with pytest.raises(JobBusy), locks.job_lock(DAY):
            pytest.fail("not even the same one may have it twice")
    with other.job_lock(DAY):
        pass


def test_no_connection_to_redis_is_left_open(locks, redis, monkeypatch):
    clients = []
    real = Redis.from_url
    monkeypatch.setattr(
        Redis, "from_url", lambda *args, **options: clients.append(real(*args, **options)) or clients[-1]
    )

    with locks.job_lock(DAY), pytest.raises(JobBusy), locks.job_lock(DAY):
        pass

    left_open = [pool._available_connections for pool in (client.connection_pool for client in clients)]
    assert [[one for one in connections if one._sock] for connections in left_open] == [[], []]


def test_a_refusal_leaves_the_lock_with_its_holder(locks, redis):
    with locks.job_lock(DAY):
        with pytest.raises(JobBusy), locks.job_lock(DAY):
            pass
        assert redis.exists(KEY)


def test_all_periods_of_a_type_share_a_lock_and_types_do_not(locks):
    week = the("weekly", "2025-06-29")
    with locks.job_lock(DAY), locks.job_lock(week), pytest.raises(JobBusy), locks.job_lock(DAY.previous()):
        pytest.fail("another day of the same type was let in")


def test_it_runs_out_after_a_lease_and_is_extended_to_a_whole_one(locks, redis):
    with locks.job_lock(DAY) as lock:
        assert LEASE - 60 < left(redis) <= LEASE
        redis.pexpire(KEY, 5000)
        lock.extend()
        assert LEASE - 60 < left(redis) <= LEASE
        redis.pexpire(KEY, 5000)
        lock.extend(["results of a chunk"])
        assert LEASE - 60 < left(redis) <= LEASE


def in_a_thread(do, *arguments):
    thread = Thread(target=do, args=arguments)
    thread.start()
    thread.join()


def test_any_thread_may_extend_and_release_it(locks, redis):
    held = locks.job_lock(DAY)
    lock = held.__enter__()
    redis.pexpire(KEY, 5000)
    in_a_thread(lock.extend)
    assert left(redis) > 60
    in_a_thread(held.__exit__, None, None, None)
    assert not redis.exists(KEY)


@pytest.mark.parametrize("error", [OwnError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_it_is_released_when_the_body_raises_and_the_error_is_the_bodys_own(locks, redis, error):
    with pytest.raises(type(error)) as raised, locks.job_lock(DAY):
        raise error

    assert raised.value is error
    assert not redis.exists(KEY)


def test_once_it_is_lost_the_body_goes_on_and_the_new_holder_keeps_it(locks, redis, logs):
    """As after a pause longer than the lease."""
    with pytest.raises(OwnError), locks.job_lock(DAY) as lock:
        redis.set(KEY, "another", px=60_000)
        lock.extend()
        assert left(redis) <= 60
        raise OwnError

    assert redis.get(KEY) == "another"
    assert events(logs) == [("warning", "job_lock.not_extended"), ("warning", "job_lock.not_released")]


def test_a_redis_that_goes_away_meanwhile_is_a_warning_and_hides_no_error(freezable, redis, logs):
    locks, frozen = freezable
    with pytest.raises(OwnError), locks.job_lock(DAY) as lock:
        frozen.set()
        lock.extend()
        raise OwnError

    assert events(logs) == [("warning", "job_lock.not_extended"), ("warning", "job_lock.not_released")]
    assert 0 < left(redis) <= LEASE  # it runs out by itself


@contextmanager
def dropping_server():
    """Hangs up on everyone; gives its URL and the list of those who came."""
    came = []

    def hang_up(connection):
        came.append(connection)
        connection.shutdown(socket.SHUT_RDWR)

    with serving(hang_up) as port:
        yield f"redis://127.0.0.1:{port}/0", came


def test_without_an_answer_of_redis_the_body_runs_with_a_warning(logs):
    done = []
    with CapacityLockManager(f"redis://127.0.0.1:{closed_port()}/0").job_lock(DAY) as lock:
        lock.extend()
        done.append(1)

    assert done == [1]
    assert events(logs) == [("warning", "job_lock.redis_unavailable")]


def test_the_error_of_the_body_goes_on_without_redis_too():
    error, locks = OwnError(), CapacityLockManager(f"redis://127.0.0.1:{closed_port()}/0")
    with pytest.raises(OwnError) as raised, locks.job_lock(DAY):
        raise error

    assert raised.value is error


def test_a_redis_that_hangs_up_is_asked_twice_and_no_more(logs):
    """Two attempts of at most a second each: by default there would be eleven, ever further apart."""
    with dropping_server() as (url, came), CapacityLockManager(url).job_lock(DAY):
        pass

    assert len(came) == 2
    assert events(logs) == [("warning", "job_lock.redis_unavailable")]


def test_a_redis_that_never_answers_is_given_a_second_per_attempt(freezable, logs):
    locks, frozen = freezable
    frozen.set()

    with locks.job_lock(DAY):
        pass

    [line] = logs
    assert (line["event"], "Timeout" in line["error"]) == ("job_lock.redis_unavailable", True)


def test_without_the_setting_nobody_is_asked(logs):
    assert CapacityLockManager().url == ""
    with CapacityLockManager().job_lock(DAY) as lock, CapacityLockManager().job_lock(DAY):
        lock.extend()

    assert logs == []


def test_the_url_is_that_of_the_setting(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/2"

    assert CapacityLockManager().url == "redis://127.0.0.1:1/2"


@pytest.mark.django_db
def test_a_scheduled_job_holds_the_lock_while_it_runs(settings, url, redis, time_machine, monkeypatch):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)
    settings.REDIS_URL = url
    mark(make_instance(), DAY)
    seen = []

    def look(self, **options):
        seen.append(AggregationTaskRunner(AggregationService()).run_periods(["daily"])["error_class"])
        redis.pexpire(KEY, 5000)
        summary = self.calculate_period_aggregations("daily", **options)
        seen.append(left(redis) > 60)
        return summary

    monkeypatch.setattr(AggregationService, "calculate_daily_aggregations", look)

    result = AggregationTaskRunner(AggregationService()).run_periods(["daily"])

    assert seen == ["busy", True]
    assert result["status"] == "skipped"  # no samples
    assert not redis.exists(KEY)

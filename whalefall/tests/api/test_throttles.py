from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from types import SimpleNamespace

import pytest
import time_machine
from django.core.cache import cache, caches
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.testing import capture_logs

from capacity.tests.servers import closed_port
from whalefall.api.throttles import ScopedThrottle
from whalefall.tests.brokers import redis_database

pytestmark = pytest.mark.django_db

CURRENT = "/api/v1/capacity/aggregations/current/"


@pytest.fixture(autouse=True)
def two_a_minute(monkeypatch):
    monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", {"trigger": "2/min"})
    cache.clear()


@pytest.fixture(autouse=True)
def clock():
    """Stands still at 20 seconds past a minute."""
    with time_machine.travel(datetime(2026, 3, 4, 5, 6, 20, tzinfo=UTC), tick=False) as clock:
        yield clock


def in_redis(settings, url):
    """The cache as production has it."""
    options = {"socket_timeout": 1, "socket_connect_timeout": 1, "retry": Retry(NoBackoff(), 1)}
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": url, "OPTIONS": options}}


def check_limit(as_role, problem):
    operator, administrator = as_role("operator"), as_role("administrator")
    assert [operator.post(CURRENT).status_code for _n in range(2)] == [200, 200]
    answer = operator.post(CURRENT)
    assert problem(answer, 429)["code"] == "throttled"
    assert answer["Retry-After"] == "40"
    # Nobody is kept out by what another does.
    assert administrator.post(CURRENT).status_code == 200


def test_who_asks_too_often_is_told_when_to_come_back(as_role, problem):
    check_limit(as_role, problem)


def test_the_limit_holds_over_all_processes_with_redis(as_role, problem, settings):
    with redis_database() as url:
        in_redis(settings, url)
        check_limit(as_role, problem)
        cache.close()


def let_in(threads=8, requests=25):
    """How many of the requests that one user's threads make at the same time are let in."""
    request = SimpleNamespace(user=SimpleNamespace(is_authenticated=True, pk=1))
    together = Barrier(threads)

    def ask(_number):
        together.wait()
        try:
            allowed = [
                ScopedThrottle().allow_request(request, SimpleNamespace(throttle_scope="trigger"))
                for _n in range(requests)
            ]
        finally:
            caches.close_all()
        return sum(allowed)

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(ask, range(threads)))


@pytest.fixture
def fifty_a_minute(monkeypatch):
    monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", {"trigger": "50/min"})


def test_requests_at_the_same_time_are_all_counted(fifty_a_minute):
    assert let_in() == 50


def test_requests_at_the_same_time_are_all_counted_in_redis(fifty_a_minute, settings):
    with redis_database() as url:
        in_redis(settings, url)
        assert let_in() == 50
        cache.close()


def test_who_comes_back_when_told_is_let_in(as_role, clock):
    operator = as_role("operator")
    answers = [operator.post(CURRENT) for _n in range(3)]
    clock.shift(int(answers[-1]["Retry-After"]) - 1)
    answers.append(operator.post(CURRENT))
    clock.shift(1)
    answers.append(operator.post(CURRENT))
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 200]


def test_a_cache_that_keeps_nothing_lets_everybody_in(as_role, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    operator = as_role("operator")
    assert [operator.post(CURRENT).status_code for _n in range(3)] == [200, 200, 200]


def test_reading_has_no_limit(as_role):
    viewer = as_role("viewer")
    url = "/api/v1/sync-sessions/00000000-0000-0000-0000-000000000000/"
    assert {viewer.get(url).status_code for _n in range(5)} == {404}


def test_a_cache_that_does_not_answer_lets_everybody_in_and_is_in_the_log(as_role, settings):
    operator = as_role("operator")
    in_redis(settings, f"redis://:hunter2@127.0.0.1:{closed_port()}/0")
    with capture_logs() as logs:
        assert [operator.post(CURRENT).status_code for _n in range(3)] == [200, 200, 200]
    lines = [line for line in logs if line["event"] == "throttle.cache_unavailable"]
    assert [(line["log_level"], line["scope"]) for line in lines] == [("warning", "trigger")] * 3
    assert "hunter2" not in str(logs)

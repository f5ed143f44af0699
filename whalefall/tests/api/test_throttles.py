from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from types import SimpleNamespace

import pytest
import time_machine
from django.db import connection

from whalefall.api.throttles import ScopedThrottle

pytestmark = pytest.mark.django_db

CURRENT = "/api/v1/capacity/aggregations/current/"


@pytest.fixture(autouse=True)
def two_a_minute(monkeypatch):
    monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", {"trigger": "2/min"})


@pytest.fixture(autouse=True)
def clock():
    """Stands still at 20 seconds past a minute."""
    with time_machine.travel(datetime(2026, 3, 4, 5, 6, 20, tzinfo=UTC), tick=False) as clock:
        yield clock


def test_who_asks_too_often_is_told_when_to_come_back(as_role, problem):
    operator, administrator = as_role("operator"), as_role("administrator")
    assert [operator.post(CURRENT).status_code for _n in range(2)] == [200, 200]
    answer = operator.post(CURRENT)
    assert problem(answer, 429)["code"] == "throttled"
    assert answer["Retry-After"] == "40"
    # Nobody is kept out by what another does.
    assert administrator.post(CURRENT).status_code == 200


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
            connection.close()
        return sum(allowed)

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(ask, range(threads)))


@pytest.fixture
def fifty_a_minute(monkeypatch):
    monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", {"trigger": "50/min"})


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_time_are_all_counted(fifty_a_minute):
    assert let_in() == 50


def test_who_comes_back_when_told_is_let_in(as_role, clock):
    operator = as_role("operator")
    answers = [operator.post(CURRENT) for _n in range(3)]
    clock.shift(int(answers[-1]["Retry-After"]) - 1)
    answers.append(operator.post(CURRENT))
    clock.shift(1)
    answers.append(operator.post(CURRENT))
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 200]


def test_reading_has_no_limit(as_role):
    viewer = as_role("viewer")
    url = "/api/v1/sync-sessions/00000000-0000-0000-0000-000000000000/"
    assert {viewer.get(url).status_code for _n in range(5)} == {404}

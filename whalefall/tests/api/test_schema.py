"""What the schema says by rules of its own, for every operation; whether it is true is what test_fuzzing asks."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from django.test import RequestFactory
from drf_spectacular.generators import SchemaGenerator

from whalefall.api.schema_view import SchemaView

pytestmark = pytest.mark.unit

API = "/api/v1"


@pytest.fixture(scope="module")
def answers():
    """{(method, path): its answers by status}"""
    paths = SchemaGenerator().get_schema(public=True)["paths"]
    return {
        (method, path): operation["responses"]
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def test_what_runs_something_may_fail_as_a_whole(answers):
    assert {operation for operation, told in answers.items() if "500" in told} == {
        ("post", f"{API}/capacity/aggregations/current/"),
        ("post", f"{API}/capacity/aggregations/runs/"),
        ("post", f"{API}/instances/{{id}}/aggregate/"),
        ("post", f"{API}/instances/{{id}}/collect/"),
        ("post", f"{API}/sync-sessions/{{session_id}}/retry/"),
    }
    [[kind, content]] = answers["post", f"{API}/capacity/aggregations/runs/"]["500"]["content"].items()
    assert (kind, content) == ("application/problem+json", {"schema": {"$ref": "#/components/schemas/Problem"}})


def test_what_may_pass_says_when_to_try_again(answers):
    with_header = {status for told in answers.values() for status, answer in told.items() if "headers" in answer}
    assert with_header == {"429", "503"}
    assert all("Retry-After" in told["503"]["headers"] for told in answers.values())


def test_it_is_made_by_one_thread_at_a_time(monkeypatch):
    counting, now, most = Lock(), 0, 0

    def get_schema(self, **kwargs):
        nonlocal now, most
        with counting:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with counting:
            now -= 1
        return {"openapi": "3.1.0"}

    monkeypatch.setattr(SchemaGenerator, "get_schema", get_schema)
    ask = SchemaView.as_view()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(RequestFactory().get("/api/v1/schema/")), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert most == 1

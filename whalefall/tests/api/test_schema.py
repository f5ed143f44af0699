"""What the schema says by rules of its own, for every operation; whether it is true is what test_fuzzing asks."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import RequestFactory
from drf_spectacular.generators import SchemaGenerator

from whalefall.api import schema_view

pytestmark = pytest.mark.unit

API = "/api/v1"


@pytest.fixture(scope="module")
def operations():
    """{(method, path): the operation}"""
    paths = SchemaGenerator().get_schema(public=True)["paths"]
    return {(method, path): operation for path, methods in paths.items() for method, operation in methods.items()}


@pytest.fixture(scope="module")
def answers(operations):
    """{(method, path): its answers by status}"""
    return {key: operation["responses"] for key, operation in operations.items()}


def test_of_several_tags_any_is_enough_and_every_parameter_says_so(operations):
    described = {
        path: str(one)
        for (_method, path), operation in operations.items()
        for one in operation.get("parameters", ())
        if one["name"] == "tag"
    }
    assert len(described) >= 12
    assert [path for path, text in described.items() if "any of them" not in text] == []
    # And of one that nobody has: the report refuses it, a list is empty.
    [(report, of_report)] = [one for one in described.items() if "finds nothing and is no error" not in one[1]]
    assert (report, "not there is a 400" in of_report) == (f"{API}/capacity/report/", True)


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


@pytest.fixture
def made(monkeypatch):
    """Which schemas are made: an entry each."""
    times = []

    def get_schema(self, **kwargs):
        times.append(kwargs)
        time.sleep(0.02)
        return {"openapi": "3.1.0"}

    monkeypatch.setattr(SchemaGenerator, "get_schema", get_schema)
    monkeypatch.setattr(schema_view, "MADE", {})
    return times


def test_however_many_ask_at_once_it_is_made_once(made):
    ask = schema_view.SchemaView.as_view()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(RequestFactory().get(f"{API}/schema/")), range(8)))
    assert [json.loads(answer.content) for answer in answers] == [{"openapi": "3.1.0"}] * 8
    assert len(made) == 1


def test_it_is_made_once_for_each_language_and_format(made, client):
    asked = ["", "?lang=zh-hans", "?format=yaml", "?lang=zh-hans", ""]
    kinds = [client.get(f"{API}/schema/{query}")["Content-Type"] for query in asked]
    assert len(made) == 3
    assert (kinds[0], kinds[0] == kinds[1] == kinds[4], kinds[2] == kinds[0]) == (kinds[4], True, False)


@pytest.mark.parametrize(("language", "title"), [("en", "List instances"), ("zh-hans", "列出实例")])
def test_a_title_is_in_one_language(client, language, title):
    found = client.get(f"{API}/schema/", {"format": "json", "lang": language}).json()
    assert found["paths"][f"{API}/instances/"]["get"]["summary"] == title

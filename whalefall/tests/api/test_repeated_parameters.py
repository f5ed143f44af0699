"""A query parameter of which one value counts is refused when there are two: the last would win in silence."""

import uuid

import pytest
from drf_spectacular.generators import SchemaGenerator

pytestmark = pytest.mark.django_db


def parameters():
    """(path, parameter, whether it may be repeated) of every operation that takes some in its query."""
    for path, operations in SchemaGenerator().get_schema(public=True)["paths"].items():
        for one in operations.get("get", {}).get("parameters", ()):
            if one["in"] == "query":
                yield path, one["name"], one["schema"].get("type") == "array" and one.get("explode", True)


PARAMETERS = [*parameters()]
LISTS = (
    *("instances/", "sync-sessions/", "sync-records/", "records/", "samples/", "summary/", "top/", "databases/"),
    *("history/", "report/", "tables/", "events/", "forecasts/", "limits/", "tags/", "alerts/"),
)


def test_the_table_has_every_list():
    assert {path for path, *_rest in PARAMETERS if not path.endswith(LISTS)} == set()
    assert {end for end in LISTS if any(path.endswith(end) for path, *_rest in PARAMETERS)} == set(LISTS)
    assert {name for _path, name, repeatable in PARAMETERS if repeatable} == {
        "db_type",
        "instance",
        "kind",
        "level",
        "period_type",  # of sessions; period rows are of one
        "scope",
        "series",
        "severity",
        "source",
        "state",
        "status",
        "tag",
        "sync_category",
        "sync_type",
    }


@pytest.mark.parametrize(("path", "name", "repeatable"), PARAMETERS)
def test_what_may_be_there_once_is_refused_when_it_is_there_twice(as_role, problem, path, name, repeatable):
    value = {"format": "json"}.get(name, "1")
    answer = as_role("viewer").get(f"{path.format(session_id=uuid.uuid4(), id=1)}?{name}={value}&{name}={value}")
    told = {"attr": name, "code": "repeated_parameter", "detail": "Give this parameter once."}
    if repeatable:
        assert told not in answer.json().get("errors", ())
    else:
        assert problem(answer, 400)["errors"] == [told]


def test_all_that_are_there_twice_are_named(as_role, problem):
    answer = as_role("viewer").get("/api/v1/instances/?page=1&name=a&name=b&page=2")
    assert [one["attr"] for one in problem(answer, 400)["errors"]] == ["name", "page"]

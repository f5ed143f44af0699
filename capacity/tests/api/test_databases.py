"""`/api/v1/capacity/databases/` and the states and orders of `/api/v1/instances/`."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from capacity.collection.ingest import ingest
from capacity.tests.factories import a_sample, make_instance

pytestmark = pytest.mark.django_db

DATABASES, INSTANCES = "/api/v1/capacity/databases/", "/api/v1/instances/"


@pytest.fixture
def api(client_with):
    return client_with("view_databasesizestat", "view_instance")


@pytest.fixture
def fleet():
    """Databases a, b and new on one instance, c on another; and an instance without samples."""
    one, other, _empty = make_instance("one"), make_instance("other", db_type="oracle"), make_instance("empty")
    sizes = {(one, "a"): (100, 110), (one, "b"): (10, 30), (one, "new"): (None, 500), (other, "c"): (1000, 900)}
    for (instance, name), (before, now) in sizes.items():
        days = [("2025-02-03", before), ("2025-02-26", before), ("2025-03-05", now)]
        ingest([a_sample(instance, f"{day}T03:00:00+08:00", size, name) for day, size in days if size is not None])
    return one, other


def names(answer, field="database_name"):
    assert answer.status_code == 200, answer.json()
    return [row[field] for row in answer.json()["results"]]


def test_a_database_as_it_is_now(api, fleet):
    [row] = api.get(DATABASES, {"database_name": "b"}).json()["results"]
    assert row.pop("id")
    assert row == {
        "instance": {"id": fleet[0].pk, "name": "one", "db_type": "postgresql"},
        "database_name": "b",
        "first_day": "2025-02-03",
        "last_day": "2025-03-05",
        "last_sample_at": "2025-03-05T03:00:00+08:00",
        "last_size_bytes": 30,
        "week_change_bytes": 20,
        "week_change_percent": 200.0,
        "month_change_bytes": 20,
        "month_change_percent": 200.0,
        "limit": None,
        "forecast": None,
    }


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("", ["a", "b", "new", "c"]),
        ("name", ["a", "b", "c", "new"]),
        ("-size", ["c", "new", "a", "b"]),
        ("size", ["b", "a", "new", "c"]),
        ("-growth", ["b", "a", "c", "new"]),
        ("growth", ["c", "a", "b", "new"]),
        ("-week_change_bytes", ["b", "a", "c", "new"]),
        ("month_change_percent", ["c", "a", "b", "new"]),
        ("-week_change_percent", ["b", "a", "c", "new"]),
    ],
)
def test_they_are_ordered_and_what_has_no_value_comes_last(api, fleet, ordering, expected):
    assert names(api.get(DATABASES, {"ordering": ordering} if ordering else {})) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"database_name": "a"}, ["a"]),
        ({"db_type": "oracle"}, ["c"]),
        ({"db_type": ["oracle", "postgresql"]}, ["a", "b", "new", "c"]),
        ({"page_size": 2, "page": 2}, ["new", "c"]),
    ],
)
def test_they_are_filtered_and_paged(api, fleet, query, expected):
    assert names(api.get(DATABASES, query)) == expected
    assert names(api.get(DATABASES, {"instance": fleet[1].pk})) == ["c"]


@pytest.mark.parametrize("query", [{"nmae": "a"}, {"ordering": "speed"}, {"instance": "x"}, {"db_type": "db2"}])
def test_what_it_does_not_understand_is_a_400(api, fleet, query):
    assert api.get(DATABASES, query).status_code == 400


def test_it_needs_the_permission_to_see_samples(client_with):
    assert client_with("view_instance").get(DATABASES).status_code == 403


def test_a_page_costs_two_queries(api, fleet):
    api.get(DATABASES)
    with CaptureQueriesContext(connection) as queries:
        api.get(DATABASES, {"ordering": "-growth"})
    assert len([one for one in queries if "database_states" in one["sql"]]) == 2


def test_an_instance_says_how_it_is_now(api, fleet):
    shown = {row["name"]: row["state"] for row in api.get(INSTANCES).json()["results"]}
    assert shown["empty"] is None
    assert shown["other"] == {
        "first_day": "2025-02-03",
        "last_day": "2025-03-05",
        "last_sample_at": "2025-03-05T03:00:00+08:00",
        "last_size_bytes": 900,
        "last_database_count": 1,
        "week_change_bytes": -100,
        "week_change_percent": -10.0,
        "month_change_bytes": -100,
        "month_change_percent": -10.0,
    }


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("-name", ["other", "one", "empty"]),
        ("-size", ["other", "one", "empty"]),
        ("size", ["one", "other", "empty"]),
        ("growth", ["other", "one", "empty"]),
        ("-growth", ["one", "other", "empty"]),
    ],
)
def test_instances_are_ordered_too(api, fleet, ordering, expected):
    assert names(api.get(INSTANCES, {"ordering": ordering}), "name") == expected


def test_instances_are_ordered_by_name_without_regard_to_case(api):
    for name in ("beta", "Alpha", "alpha-2"):
        make_instance(name)
    assert names(api.get(INSTANCES), "name") == ["Alpha", "alpha-2", "beta"]
    assert names(api.get(INSTANCES, {"ordering": "-name"}), "name") == ["beta", "alpha-2", "Alpha"]

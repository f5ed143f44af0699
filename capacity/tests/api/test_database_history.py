"""`/api/v1/capacity/databases/history/`: sizes over time, side by side."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from capacity.collection.ingest import ingest
from capacity.tests.factories import a_sample, make_instance

pytestmark = pytest.mark.django_db

HISTORY = "/api/v1/capacity/databases/history/"


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to("2025-03-05T04:00:00Z", tick=False)


@pytest.fixture
def api(client_with):
    return client_with("view_databasesizestat")


@pytest.fixture
def instance():
    """Database a from 24 February to 5 March, one more byte each day, without 1 March; b on the last day alone."""
    one = make_instance("one", db_type="sqlserver")
    days = [date(2025, 2, 24) + timedelta(days=number) for number in range(10)]
    rows = [
        a_sample(one, f"{day}T03:00:00+08:00", 100 + number, "a") for number, day in enumerate(days) if number != 5
    ]
    last = a_sample(one, "2025-03-05T03:00:00+08:00", 1000, "b:c", data_size_bytes=900, log_size_bytes=100)
    ingest([*rows, last])
    return one


def sizes(line):
    return [(point["day"], point["size_bytes"]) for point in line["points"]]


def test_a_database_and_its_instance_by_day(api, instance):
    query = {"series": [f"{instance.pk}:b:c", f"{instance.pk}"], "from": "2025-03-03"}
    found = api.get(HISTORY, query).json()
    of_it = {"instance": {"id": instance.pk, "name": "one", "db_type": "sqlserver"}}
    point = {"day": "2025-03-05", "size_bytes": 1000, "data_size_bytes": 900, "log_size_bytes": 100}
    database, whole = found.pop("series")
    assert found == {"from": "2025-03-03", "to": "2025-03-05", "step": "daily"}
    assert database == {"series": f"{instance.pk}:b:c", **of_it, "database_name": "b:c", "points": [point]}
    assert sizes(whole) == [("2025-03-03", 107), ("2025-03-04", 108), ("2025-03-05", 1109)]
    assert whole["database_name"] == ""


def test_a_name_is_found_however_its_accents_are_typed(api):
    one = make_instance()
    ingest([a_sample(one, "2025-03-05T03:00:00+08:00", 7, "B\u00fcro")])
    [line] = api.get(HISTORY, {"series": f"{one.pk}:Bu\u0308ro"}).json()["series"]
    assert (line["series"], sizes(line)) == (f"{one.pk}:B\u00fcro", [("2025-03-05", 7)])


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("weekly", [("2025-02-24", 106), ("2025-03-03", 109)]),
        ("monthly", [("2025-02-01", 104), ("2025-03-01", 109)]),
    ],
)
def test_a_longer_step_has_the_size_at_its_end(api, instance, step, expected):
    [line] = api.get(HISTORY, {"series": f"{instance.pk}:a", "step": step}).json()["series"]
    assert sizes(line) == expected


def test_without_days_it_is_the_last_ninety(api, instance):
    found = api.get(HISTORY, {"series": f"{instance.pk}:a"}).json()
    assert (found["from"], found["to"]) == ("2024-12-06", "2025-03-05")
    assert len(found["series"][0]["points"]) == 9


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ({}, "series"),
        ({"series": "x:a"}, "series"),
        ({"series": "{pk}:nobody"}, "series"),
        ({"series": "999999"}, "series"),
        ({"series": "{pk}:a", "step": "hourly"}, "step"),
        ({"series": "{pk}:a", "from": "yesterday"}, "from"),
        ({"series": "{pk}:a", "from": "2025-03-06"}, "from"),
        ({"series": "{pk}:a", "from": "1999-01-01"}, "from"),
        ({"series": "{pk}:a", "page": "2"}, "page"),
        ({"series": [f"{number}" for number in range(1, 12)]}, "series"),
    ],
)
def test_what_it_does_not_understand_is_a_400(api, instance, query, attr):
    if isinstance(query.get("series"), str):
        query = {**query, "series": query["series"].format(pk=instance.pk)}
    answer = api.get(HISTORY, query)
    assert answer.status_code == 400
    assert {error["attr"] for error in answer.json()["errors"]} == {attr}


def test_ten_series_cost_as_many_queries_as_two(api, instance):
    others = [make_instance() for _number in range(4)]
    ingest([a_sample(one, "2025-03-05T03:00:00+08:00", 5, "a") for one in others])
    every = [text for one in (instance, *others) for text in (f"{one.pk}:a", f"{one.pk}")]

    def cost(series):
        with CaptureQueriesContext(connection) as queries:
            assert api.get(HISTORY, {"series": series}).status_code == 200
        return len(queries)

    cost(every)
    assert cost(every) == cost(every[:2])

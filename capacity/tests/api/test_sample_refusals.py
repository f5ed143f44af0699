"""What a push refuses: the whole batch, each error with the item's index."""

import json
from datetime import UTC, datetime

import pytest
import time_machine

from capacity.models import CapacityState, DatabaseSizeStat, Instance, InstanceSizeStat, StalePeriod
from capacity.tests.factories import make_instance

pytestmark = pytest.mark.django_db

URL = "/api/v1/capacity/samples/"
NOW = datetime(2025, 3, 5, 2, 0, tzinfo=UTC)
GOOD = {"instance": "pg-1", "database_name": "sales", "collected_at": "2025-03-05T01:00:00Z", "size_bytes": 100}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def push(client_with):
    """Posts a body (bytes and text as they are), which must be refused with nothing stored; gives the problem."""
    make_instance("pg-1")
    api = client_with("add_databasesizestat")

    def post(body, status=400):
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        answer = api.post(URL, text, content_type="application/json")
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
        for model in (DatabaseSizeStat, InstanceSizeStat, StalePeriod, CapacityState):
            assert not model.objects.exists()
        return answer.json()

    return post


LONG = {"instance": "unknown_instance", "database_name": "too_long"}
BAD_VALUES = [
    *[("instance", bad, "unknown_instance") for bad in (0, -1, 99, 2**63, 10**38, True, 1.0, None, [], {})],
    *[("instance", bad, "unknown_instance") for bad in ("", "PG-1", "pg-1\x00", "\ud800", "pg-1 ", "n" * 300)],
    *[("database_name", bad, "not_a_text") for bad in (None, 5, True, [], {})],
    *[("database_name", bad, "blank") for bad in ("", "  ")],
    ("database_name", "d" * 256, "too_long"),
    ("database_name", "\u0958" * 130, "too_long"),
    *[(name, "a" + "\u0315\u0300" * 50_000, code) for name, code in LONG.items()],
    *[("database_name", f"a{bad}b", "control_character") for bad in "\x00\x1b\n\x85\u200f\u202e\u2067\ud800\udfff"],
    *[
        (name, bad, "not_a_whole_number")
        for name in ("size_bytes", "data_size_bytes", "log_size_bytes")
        for bad in ("12", True, 1.5, 1.0, [], {})
    ],
    ("size_bytes", None, "not_a_whole_number"),
    *[(name, -1, "out_of_range") for name in ("size_bytes", "data_size_bytes", "log_size_bytes")],
    *[(name, 2**63, "out_of_range") for name in ("size_bytes", "data_size_bytes", "log_size_bytes")],
    ("size_bytes", 10**38, "out_of_range"),
    *[
        ("collected_at", bad, "not_a_time")
        for bad in (None, 5, 1741140000, [], "", "now", "2025-02-30T00:00:00Z", "2025-03-05T01:00:00 Mars/Base")
    ],
    *[("collected_at", bad, "naive_time") for bad in ("2025-03-05T01:00:00", "2025-03-05")],
    *[("collected_at", bad, "in_future") for bad in ("2025-03-05T02:05:01Z", "9999-12-31T23:59:59-23:59")],
    *[("collected_at", bad, "too_old") for bad in ("0001-01-01T00:00:00+23:59", "1989-12-31T23:59:59Z")],
    ("size", 1, "unknown_field"),
]


@pytest.mark.parametrize(("field", "value", "code"), BAD_VALUES)
def test_a_bad_value_is_named_with_its_item(push, field, value, code):
    problem = push([GOOD, {**GOOD, "database_name": "stock", field: value}])
    assert problem["code"] == "samples_rejected"
    assert [(one["attr"], one["code"]) for one in problem["errors"]] == [(f"1.{field}", code)]


@pytest.mark.parametrize(("keys", "refused"), [((True, 1), 0), ((1, True), 1)])
def test_true_is_not_the_instance_with_the_id_1(push, keys, refused):
    if not Instance.objects.filter(pk=1).exists():
        make_instance("one", pk=1)
    problem = push([{**GOOD, "instance": key} for key in keys])
    assert [(one["attr"], one["code"]) for one in problem["errors"]] == [(f"{refused}.instance", "unknown_instance")]


@pytest.mark.parametrize("number", ["1E2", "100.0", "9.3e18"])
def test_a_float_is_no_size_however_it_is_written(push, number):
    [error] = push(json.dumps([GOOD]).replace("100", number))["errors"]
    assert (error["attr"], error["code"]) == ("0.size_bytes", "not_a_whole_number")


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "1" + "0" * 400])
def test_what_is_no_number_at_all_is_a_400(push, number):
    assert push(json.dumps([GOOD]).replace("100", number))["code"] == "parse_error"


@pytest.mark.parametrize("field", list(GOOD))
def test_what_is_missing_is_named(push, field):
    problem = push([{name: value for name, value in GOOD.items() if name != field}])
    assert problem["errors"] == [{"attr": f"0.{field}", "code": "required", "detail": "This field is required."}]


@pytest.mark.parametrize("item", [None, 5, "x", [], [GOOD]])
def test_an_item_that_is_no_object_is_named(push, item):
    [error] = push([GOOD, item])["errors"]
    assert (error["attr"], error["code"]) == ("1", "not_an_object")


def test_every_error_of_every_item_is_told(push):
    bad = {"instance": "nobody", "database_name": "", "collected_at": "x", "size_bytes": -1, "log_size_bytes": "1"}
    problem = push([bad, GOOD, {**bad, "extra": 1}])
    names = ["collected_at", "database_name", "instance", "log_size_bytes", "size_bytes"]
    assert sorted(one["attr"] for one in problem["errors"]) == sorted(
        [f"0.{name}" for name in names] + [f"2.{name}" for name in [*names, "extra"]]
    )


def test_a_duplicate_is_named_and_not_merged(push):
    problem = push([GOOD, {**GOOD, "database_name": "stock"}, {**GOOD, "collected_at": "2025-03-05T09:00:00+08:00"}])
    [error] = problem["errors"]
    assert (error["attr"], error["code"]) == ("2.collected_at", "duplicate")
    assert error["detail"] == "The same instance, database and time as item 0."


def test_a_day_total_that_does_not_fit_is_refused(push):
    problem = push([{**GOOD, "size_bytes": 2**63 - 1}, {**GOOD, "database_name": "stock"}])
    assert problem["errors"]
    assert problem["code"] == "samples_rejected"


def test_of_many_errors_the_first_hundred_are_told(push):
    problem = push([{**GOOD, "size_bytes": -1, "database_name": f"d{n}"} for n in range(300)])
    assert len(problem["errors"]) == 100
    refused = "The samples are refused, nothing is stored: they have 300 errors."
    assert problem["detail"] == f"{refused} The first 100 are listed."


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "5",
        '"x"',
        "[]",
        "{}",
        '{"samples": []}',
        '{"samples": {}}',
        '{"samples": null}',
        '{"sample": []}',
        json.dumps({"samples": [GOOD], "dry_run": True}),
        "[NaN]",
        "[",
        "",
        "[" * 100_000,
        '{"a":' * 50_000,
        b"\xff\xfe",
        "[1" + "0" * 5000 + "]",
    ],
)
def test_a_body_of_another_shape_is_a_400(push, body):
    push(body)


def test_a_body_of_3_megabytes_is_a_413(push):
    assert push("[" + " " * 3_000_000 + "]", 413)["code"] == "body_too_large"


def test_a_million_items_are_refused_before_they_are_looked_at(push):
    assert push("[" + "1," * 1_000_000 + "1]")["errors"][0]["code"] == "too_many_samples"

"""`summary/` and `top/`: a period in a few numbers, against rows made by hand."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from capacity.tests.factories import make_instance
from capacity.tests.period_rows import add_database_row, add_instance_row
from capacity.tests.samples import LARGEST, the

pytestmark = pytest.mark.django_db

DATABASES = "/api/v1/capacity/aggregations/databases/"
INSTANCES = "/api/v1/capacity/aggregations/instances/"
EMPTY = {
    "period_type": "daily",
    "period_start": None,
    "period_end": None,
    "row_count": 0,
    "instance_count": 0,
    "fully_covered_count": 0,
    "total_size_bytes": 0,
    "avg_size_bytes": None,
    "max_size_bytes": None,
    "compared_count": 0,
    "size_change_bytes": None,
    "size_change_percent": None,
    "trends": {"growing": 0, "shrinking": 0, "stable": 0, "unknown": 0},
}


@pytest.fixture(autouse=True)
def clock():
    # 00:30 of 5 March in Shanghai, still the 4th in UTC.
    with time_machine.travel(datetime(2025, 3, 4, 16, 30, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def fleet():
    one, two = make_instance("prod-pg-1"), make_instance("prod-my-1", db_type="mysql")
    day = the("daily", "2025-03-04")
    add_database_row(one, "grows", day, 1060, 60, Decimal("6.00"), max_size_bytes=2000)
    add_database_row(one, "grows-a-bit", day, 1050, 50, Decimal("5.00"))
    add_database_row(two, "shrinks", day, 900, -100, Decimal("-10.00"))
    add_database_row(two, "new", day, 501)
    add_database_row(two, "was-empty", day, 7, 7, None)
    add_database_row(two, "today", the("daily", "2025-03-05"), 10**9)
    add_database_row(two, "shrinks", the("daily", "2025-03-03"), 1000)
    add_database_row(one, "grows", the("weekly", "2025-02-25"), 950, 1, Decimal("0.11"), covered_days=6)
    add_database_row(one, "shrinks", the("weekly", "2025-02-25"), 850)
    return one, two


def test_a_summary_is_of_the_newest_complete_day(reader, fleet):
    assert reader.get(f"{DATABASES}summary/").json() == {
        "period_type": "daily",
        "period_start": "2025-03-04",
        "period_end": "2025-03-04",
        "row_count": 5,
        "instance_count": 2,
        "fully_covered_count": 5,
        "total_size_bytes": 3518,
        "avg_size_bytes": 704,  # 703.6
        "max_size_bytes": 2000,
        "compared_count": 4,
        "size_change_bytes": 17,
        "size_change_percent": 0.57,  # of 3000
        "trends": {"growing": 1, "shrinking": 1, "stable": 1, "unknown": 2},
    }


@pytest.mark.parametrize(
    ("query", "start", "rows", "total"),
    [
        ("period_type=weekly", "2025-02-24", 2, 1800),
        ("period_type=weekly&min_covered_days=7", "2025-02-24", 1, 850),
        ("period_start=2025-03-05", "2025-03-05", 1, 10**9),
        ("period_start=2025-03-03", "2025-03-03", 1, 1000),
        ("period_start=2025-01-01", "2025-01-01", 0, 0),
        ("period_start_before=2025-03-03", "2025-03-03", 1, 1000),
        ("period_end_before=2025-03-03&period_end_after=2025-03-01", "2025-03-03", 1, 1000),
        ("db_type=mysql", "2025-03-04", 3, 1408),
        ("instance_name=prod-pg-1", "2025-03-04", 2, 2110),
        ("database_name=new", "2025-03-04", 1, 501),
        ("database_name=today", "2025-03-04", 0, 0),
        ("period_type=monthly", None, 0, 0),
        ("period_start_before=2024-12-31", None, 0, 0),
    ],
)
def test_a_summary_says_which_period_it_is_of(reader, fleet, query, start, rows, total):
    found = reader.get(f"{DATABASES}summary/?{query}").json()
    assert (found["period_start"], found["row_count"], found["total_size_bytes"]) == (start, rows, total)


def test_a_summary_of_nothing(reader):
    assert reader.get(f"{DATABASES}summary/").json() == EMPTY
    assert reader.get(f"{INSTANCES}summary/").json() == EMPTY


def test_the_week_that_is_not_over_is_not_the_default(reader, fleet):
    add_database_row(fleet[0], "grows", the("weekly", "2025-03-05"), 1)
    assert reader.get(f"{DATABASES}summary/?period_type=weekly").json()["period_start"] == "2025-02-24"


def test_a_day_on_which_no_period_of_that_type_begins_is_a_400_that_says_which_does(reader, fleet):
    answer = reader.get(f"{DATABASES}summary/?period_type=monthly&period_start=2025-03-05")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "period_start")
    assert "2025-03-01" in answer.json()["detail"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("name", ["period_start", "period_start_after", "period_start_before", "period_end_before"])
def test_the_ends_of_the_calendar_are_no_500(reader, fleet, day, name):
    for action in ("summary/", "top/"):
        assert reader.get(f"{DATABASES}{action}?{name}={day}").status_code in (200, 400)


def test_sums_beyond_63_bits_are_exact(reader):
    instance = make_instance()
    day = the("daily", "2025-03-04")
    for database, change in (("a", LARGEST), ("b", LARGEST), ("c", -LARGEST), ("d", -5)):
        add_database_row(instance, database, day, LARGEST, change, Decimal("1.00"))
    found = reader.get(f"{DATABASES}summary/").json()
    assert (found["total_size_bytes"], found["avg_size_bytes"]) == (4 * LARGEST, LARGEST)
    assert found["size_change_bytes"] == LARGEST - 5


def test_a_summary_of_instances(reader):
    one, two = make_instance(), make_instance(is_active=False)
    day = the("daily", "2025-03-04")
    add_instance_row(one, day, 110, 10, Decimal("10.00"), "growing")
    add_instance_row(two, day, 90)
    found = reader.get(f"{INSTANCES}summary/").json()
    assert found == {
        **EMPTY,
        "period_start": "2025-03-04",
        "period_end": "2025-03-04",
        "row_count": 2,
        "instance_count": 2,
        "fully_covered_count": 2,
        "total_size_bytes": 200,
        "avg_size_bytes": 100,
        "max_size_bytes": 110,
        "compared_count": 1,
        "size_change_bytes": 10,
        "size_change_percent": 10.0,
        "trends": {"growing": 1, "shrinking": 0, "stable": 0, "unknown": 1},
    }
    assert reader.get(f"{INSTANCES}summary/?trend_direction=growing").json()["total_size_bytes"] == 110


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["grows", "grows-a-bit", "shrinks", "new", "was-empty"]),
        ("by=size&limit=2", ["grows", "grows-a-bit"]),
        ("by=growth_bytes", ["grows", "grows-a-bit", "was-empty", "shrinks"]),
        ("by=growth_percent", ["grows", "grows-a-bit", "shrinks"]),
        ("by=growth_percent&limit=1&db_type=mysql", ["shrinks"]),
        ("period_type=weekly", ["grows", "shrinks"]),
        ("period_start=2025-03-05", ["today"]),
        ("period_type=quarterly", []),
    ],
)
def test_the_top_of_a_period(reader, fleet, query, expected):
    found = reader.get(f"{DATABASES}top/?{query}").json()
    assert [row["database_name"] for row in found["results"]] == expected


def test_a_top_says_what_it_is_and_has_whole_rows(reader, fleet):
    found = reader.get(f"{DATABASES}top/?by=growth_bytes&limit=1").json()
    listed = reader.get(f"{DATABASES}?database_name=grows&period_type=daily").json()["results"]
    assert found == {
        "period_type": "daily",
        "period_start": "2025-03-04",
        "period_end": "2025-03-04",
        "by": "growth_bytes",
        "results": listed,
    }


def test_a_top_has_10_rows_unless_it_is_asked_for_more(reader):
    for number in range(12):
        add_instance_row(make_instance(), the("daily", "2025-03-04"), number)
    sizes = [row["avg_total_size_bytes"] for row in reader.get(f"{INSTANCES}top/").json()["results"]]
    assert sizes == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]
    assert len(reader.get(f"{INSTANCES}top/?limit=100").json()["results"]) == 12


@pytest.mark.parametrize("action", ["summary/", "top/"])
def test_the_figures_cost_the_same_queries_whatever_there_is(reader, action):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert reader.get(f"{INSTANCES}{action}").status_code == 200
        return len(captured)

    add_instance_row(make_instance(), the("daily", "2025-03-04"), 1)
    queries()
    alone = queries()
    for number in range(9):
        add_instance_row(make_instance(), the("daily", "2025-03-04"), number)
    assert queries() == alone

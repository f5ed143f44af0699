"""What the lists of period rows are filtered by, and what is refused. None of it may end in a 500."""

import pytest

from capacity.tests.factories import make_instance
from capacity.tests.period_rows import add_database_row, add_instance_row
from capacity.tests.samples import the

pytestmark = pytest.mark.django_db

DATABASES = "/api/v1/capacity/aggregations/databases/"
INSTANCES = "/api/v1/capacity/aggregations/instances/"


@pytest.fixture
def ids(reader):
    """{name: id} of three instances with five rows, named by their sizes."""
    pg, my = make_instance("prod-pg-1"), make_instance("prod-my-1", db_type="mysql")
    retired = make_instance("retired", db_type="oracle", is_active=False)
    add_database_row(pg, "sales", the("daily", "2025-03-04"), 1)
    add_database_row(pg, "stock", the("daily", "2025-03-05"), 2)
    add_database_row(my, "sales", the("weekly", "2025-03-05"), 3, covered_days=4)  # 03-03 to 03-09
    add_database_row(my, " =x", the("monthly", "2025-02-05"), 4)  # 02-01 to 02-28
    add_database_row(retired, "sales", the("quarterly", "2024-12-05"), 5)  # 2024-10-01 to 12-31
    return {one.name: one.pk for one in (pg, my, retired)}


@pytest.mark.parametrize(
    ("query", "sizes"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("instance={prod-pg-1}", [1, 2]),
        ("instance={prod-pg-1}&instance={retired}", [1, 2, 5]),
        ("instance=999999999", []),
        ("instance_name=prod-my-1", [3, 4]),
        ("instance_name=prod-my", []),
        ("db_type=oracle", [5]),
        ("db_type=mysql&db_type=postgresql", [1, 2, 3, 4]),
        ("db_type=sqlserver", []),
        ("db_type=mysql&instance={prod-pg-1}", []),
        ("db_type=mysql&instance={prod-my-1}", [3, 4]),
        ("database_name=sales", [1, 3, 5]),
        ("database_name=sale", []),
        ("database_name=%20%3Dx", [4]),
        ("database_name=%3Dx", []),
        ("database_name=sales&period_type=weekly", [3]),
        ("period_type=daily", [1, 2]),
        ("period_start=2025-03-04", [1]),
        ("period_start_after=2025-03-03", [1, 2, 3]),
        ("period_start_before=2025-02-01", [4, 5]),
        ("period_start_after=2025-02-01&period_start_before=2025-03-04", [1, 3, 4]),
        ("period_end_after=2025-03-05", [2, 3]),
        ("period_end_after=2024-12-31&period_end_before=2025-02-28", [4, 5]),
        ("period_end_before=2024-12-31", [5]),
        ("period_end_before=2024-12-30", []),
        ("period_end_after=0001-01-01", [1, 2, 3, 4, 5]),
        ("period_end_after=9999-12-31", []),
        ("period_start_before=9999-12-31", [1, 2, 3, 4, 5]),
        ("min_covered_days=0", [1, 2, 3, 4, 5]),
        ("min_covered_days=4", [3, 4, 5]),
        ("min_covered_days=5", [4, 5]),
        ("min_covered_days=92", [5]),
        ("instance={prod-pg-1}&period_type=daily&period_start_after=2025-03-05", [2]),
    ],
)
@pytest.mark.parametrize("counted", ["listed", "exported"])
def test_the_rows_of_a_filter(reader, ids, query, sizes, counted):
    url = f"{DATABASES}?{query.format(**ids)}"
    if counted == "listed":
        found = [row["avg_size_bytes"] for row in reader.get(url).json()["results"]]
        assert reader.get(url).json()["count"] == len(sizes)
    else:
        header, *lines = b"".join(reader.get(f"{url}&format=csv").streaming_content).decode().splitlines()
        found = [int(line.split(",")[header.split(",").index("avg_size_bytes")]) for line in lines]
    assert sorted(found) == sizes


@pytest.mark.parametrize(
    ("query", "sizes"),
    [
        ("trend_direction=growing", [2]),
        ("trend_direction=unknown", [1]),
        ("trend_direction=stable", []),
        ("trend_direction=growing&instance={one}", []),
        ("period_end_after=2025-03-04&min_covered_days=1", [1, 2]),
        ("instance={one}&instance={two}&db_type=postgresql", [1, 2]),
    ],
)
def test_the_instance_rows_of_a_filter(reader, query, sizes):
    one, two = make_instance(), make_instance()
    add_instance_row(one, the("daily", "2025-03-04"), 1)
    add_instance_row(two, the("daily", "2025-03-04"), 2, 1, 6, "growing")
    url = f"{INSTANCES}?{query.format(one=one.pk, two=two.pk)}"
    assert sorted(row["avg_total_size_bytes"] for row in reader.get(url).json()["results"]) == sizes


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("instance=", "instance"),
        ("instance=x", "instance"),
        ("instance=-1", "instance"),
        ("instance=1.0", "instance"),
        ("instance=%00", "instance"),
        ("instance=%D9%A1", "instance"),
        (f"instance={10**30}", "instance"),
        ("instance_name=%00", "instance_name"),
        (f"instance_name={'x' * 256}", "instance_name"),
        ("db_type=db2", "db_type"),
        ("db_type=%00", "db_type"),
        ("database_name=a%00", "database_name"),
        (f"database_name={'x' * 256}", "database_name"),
        ("period_type=", "period_type"),
        ("period_type=yearly", "period_type"),
        ("period_type=Daily", "period_type"),
        ("period_start=today", "period_start"),
        ("period_start=0000-01-01", "period_start"),
        ("period_start=2025-02-30", "period_start"),
        ("period_start=%00", "period_start"),
        ("period_start_after=2025-3", "period_start_after"),
        ("period_start_before=10000-01-01", "period_start_before"),
        ("period_end_after=0000-01-01", "period_end_after"),
        ("period_end_before=2025-01-01T00:00:00", "period_end_before"),
        ("min_covered_days=", "min_covered_days"),
        ("min_covered_days=-1", "min_covered_days"),
        ("min_covered_days=93", "min_covered_days"),
        (f"min_covered_days={10**30}", "min_covered_days"),
        (f"min_covered_days={'9' * 5000}", "min_covered_days"),
        ("min_covered_days=x", "min_covered_days"),
        ("trend_direction=growing", "trend_direction"),
        ("instance__name=x", "instance__name"),
        ("avg_size_bytes__gt=1", "avg_size_bytes__gt"),
        ("perod_type=daily", "perod_type"),
    ],
)
@pytest.mark.parametrize("action", ["", "summary/", "top/"])
def test_a_wrong_filter_is_a_400_that_names_it(reader, ids, action, query, attr):
    answer = reader.get(f"{DATABASES}{action}?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [error["attr"] for error in answer.json()["errors"]] == [attr]


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=%00", "page"),
        ("page=1001", "page"),
        (f"page={10**30}", "page"),
        ("page=101&page_size=200", "page"),
        ("page_size=0", "page_size"),
        ("page_size=201", "page_size"),
        ("page_size=1000000000", "page_size"),
        ("ordering=%00", "ordering"),
        ("page=1&format=csv", "page"),
        ("page_size=1&format=csv", "page_size"),
        ("by=size", "by"),
        ("limit=1", "limit"),
    ],
)
def test_a_wrong_page_or_order_is_a_400(reader, ids, query, attr):
    answer = reader.get(f"{DATABASES}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


@pytest.mark.parametrize(
    "query", ["page=1", "ordering=size", "format=json", "by=growth", "by=", "limit=", "limit=0", "limit=101"]
)
def test_a_top_takes_no_pages_and_at_most_100_rows(reader, ids, query):
    answer = reader.get(f"{DATABASES}top/?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, query.partition("=")[0])


def test_what_can_be_asked_is_said(reader):
    detail = reader.get(f"{INSTANCES}?trend=growing").json()["detail"]
    assert "trend_direction" in detail
    assert "min_covered_days" in detail
    assert "format" in detail

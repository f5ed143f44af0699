"""`?format=csv`: the lists as files."""

import pytest
from django.db import OperationalError
from django.db.models import QuerySet

from capacity.insight.csv_export import write_rows
from capacity.models import DatabaseSizeAggregation
from capacity.tests.factories import make_instance
from capacity.tests.period_rows import add_database_row
from capacity.tests.samples import the

pytestmark = pytest.mark.django_db

URL = "/api/v1/capacity/aggregations/databases/"


@pytest.fixture
def rows():
    one, two = make_instance(), make_instance(db_type="mysql")
    for number in range(30):
        add_database_row(one, f"db-{number:02}", the("daily", "2025-03-04"), number)
    add_database_row(two, "other", the("daily", "2025-03-04"), 1)


def text(answer):
    return b"".join(answer.streaming_content).decode()


def test_the_file_has_all_rows_of_the_filters_in_their_order(reader, rows):
    answer = reader.get(URL, {"format": "csv", "db_type": "postgresql", "ordering": "-size"})
    assert (answer.status_code, answer.streaming) == (200, True)
    assert answer["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer["Content-Disposition"].startswith('attachment; filename="database_size_aggregations_2')
    wanted = DatabaseSizeAggregation.objects.filter(instance__db_type="postgresql").order_by("-avg_size_bytes")
    assert text(answer) == "".join(write_rows(wanted))


def test_the_accept_header_asks_for_it_as_well(reader, rows):
    assert text(reader.get(URL, headers={"Accept": "text/csv"})).count("\r\n") == 32


@pytest.mark.parametrize("query", ["", "?format=json"])
def test_json_is_the_default(reader, rows, query):
    assert reader.get(f"{URL}{query}").json()["count"] == 31


@pytest.mark.parametrize("format", ["xlsx", "CSV", "%00"])
def test_an_unknown_format_is_a_problem(reader, rows, format):
    answer = reader.get(f"{URL}?format={format}")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_wrong_filter_is_a_problem_in_json_too(reader, rows):
    answer = reader.get(f"{URL}?format=csv&period_type=yearly")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["attr"] == "period_type"


def test_a_database_that_fails_at_once_is_a_problem_and_no_file(reader, rows, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(QuerySet, "iterator", fail)
    answer = reader.get(f"{URL}?format=csv")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


def test_exports_have_a_limit_of_their_own(reader, rows, monkeypatch):
    monkeypatch.setattr("whalefall.api.throttles.ScopedThrottle.THROTTLE_RATES", {"export": "2/min"})
    assert [reader.get(f"{URL}?format=csv").status_code for _ in range(3)] == [200, 200, 429]
    answer = reader.get(f"{URL}?format=csv")
    assert int(answer["Retry-After"]) > 0
    assert reader.get(URL).status_code == 200

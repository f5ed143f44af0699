"""`GET /api/v1/capacity/aggregations/{databases,instances}/`: one row of each level to the letter, lists, order."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from capacity.models import DatabaseSizeAggregation, InstanceSizeAggregation
from capacity.periods import Period
from capacity.tests.factories import make_instance
from capacity.tests.period_rows import add_database_row, add_instance_row
from capacity.tests.samples import LARGEST, the
from sync_sessions.common.api import pagination

pytestmark = pytest.mark.django_db

DATABASES = "/api/v1/capacity/aggregations/databases/"
INSTANCES = "/api/v1/capacity/aggregations/instances/"
DAY, WEEK = the("daily", "2025-03-04"), the("weekly", "2025-03-04")


def names(answer):
    assert answer.status_code == 200, answer.content
    return [row["database_name"] for row in answer.json()["results"]]


def test_a_database_row_to_the_letter(reader):
    instance = make_instance("prod-pg-1")
    row = add_database_row(
        instance,
        "sales",
        WEEK,
        LARGEST,
        -1024,
        Decimal("-3.20"),
        covered_days=5,
        min_size_bytes=0,
        avg_data_size_bytes=7,
        min_data_size_bytes=6,
        max_data_size_bytes=8,
        data_size_change_bytes=0,
        data_size_change_percent=Decimal("0.00"),
    )
    expected = {
        "id": row.pk,
        "instance": {"id": instance.pk, "name": "prod-pg-1", "db_type": "postgresql"},
        "database_name": "sales",
        "period_type": "weekly",
        "period_start": "2025-03-03",
        "period_end": "2025-03-09",
        "sample_count": 7,
        "covered_days": 5,
        "avg_size_bytes": LARGEST,
        "min_size_bytes": 0,
        "max_size_bytes": LARGEST,
        "avg_data_size_bytes": 7,
        "min_data_size_bytes": 6,
        "max_data_size_bytes": 8,
        "avg_log_size_bytes": None,
        "min_log_size_bytes": None,
        "max_log_size_bytes": None,
        "size_change_bytes": -1024,
        "size_change_percent": -3.2,
        "data_size_change_bytes": 0,
        "data_size_change_percent": 0.0,
        "log_size_change_bytes": None,
        "log_size_change_percent": None,
        "calculated_at": "2025-03-06T04:00:07.312645+08:00",
        "created_at": "2025-03-06T04:00:07.312645+08:00",
    }
    assert reader.get(DATABASES).json() == {"count": 1, "next": None, "previous": None, "results": [expected]}
    assert reader.get(f"{DATABASES}{row.pk}/").json() == expected


def test_an_instance_row_to_the_letter(reader):
    instance = make_instance("retired", db_type="oracle", is_active=False)
    row = add_instance_row(
        instance,
        DAY,
        2**53 + 1,
        1024,
        Decimal("6.50"),
        "growing",
        avg_database_count=Decimal("2.25"),
        database_count_change=Decimal("-0.75"),
        database_count_change_percent=Decimal("-25.00"),
    )
    expected = {
        "id": row.pk,
        "instance": {"id": instance.pk, "name": "retired", "db_type": "oracle"},
        "period_type": "daily",
        "period_start": "2025-03-04",
        "period_end": "2025-03-04",
        "sample_count": 1,
        "covered_days": 1,
        "avg_total_size_bytes": 2**53 + 1,
        "min_total_size_bytes": 2**53 + 1,
        "max_total_size_bytes": 2**53 + 1,
        "avg_database_count": 2.25,
        "min_database_count": 2,
        "max_database_count": 2,
        "total_size_change_bytes": 1024,
        "total_size_change_percent": 6.5,
        "database_count_change": -0.75,
        "database_count_change_percent": -25.0,
        "trend_direction": "growing",
        "calculated_at": "2025-03-06T04:00:07.312645+08:00",
        "created_at": "2025-03-06T04:00:07.312645+08:00",
    }
    assert reader.get(INSTANCES).json()["results"] == [expected]
    assert reader.get(f"{INSTANCES}{row.pk}/").json() == expected


@pytest.mark.parametrize("model", [DatabaseSizeAggregation, InstanceSizeAggregation])
def test_a_row_has_every_column_of_its_model(reader, model):
    instance = make_instance()
    add_database_row(instance, "sales", DAY, 1)
    add_instance_row(instance, DAY, 1)
    url = DATABASES if model is DatabaseSizeAggregation else INSTANCES
    [row] = reader.get(url).json()["results"]
    assert set(row) == {field.name for field in model._meta.concrete_fields}


@pytest.mark.parametrize("key", [0, 10**30, "9" * 5000])
def test_no_such_row_is_a_404(reader, key):
    assert reader.get(f"{DATABASES}{key}/").status_code == 404


def test_the_newest_come_first_and_no_row_stands_on_two_pages(reader):
    one, other = make_instance(), make_instance()
    for day in ("2025-03-02", "2025-03-04", "2025-03-03"):
        for instance in (other, one):
            for database in ("b", "a"):
                add_database_row(instance, database, the("daily", day), 5)
    seen = []
    for page in range(1, 7):
        seen += reader.get(DATABASES, {"page": page, "page_size": 2}).json()["results"]
    days = [row["period_start"] for row in seen]
    assert days == sorted(days, reverse=True)
    assert len({row["id"] for row in seen}) == 12
    assert [(row["instance"]["id"], row["database_name"]) for row in seen[:4]] == [
        (other.pk, "b"),
        (other.pk, "a"),
        (one.pk, "b"),
        (one.pk, "a"),
    ]


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("size", ["new", "small", "large"]),
        ("-size", ["large", "small", "new"]),
        ("-avg_size_bytes", ["large", "small", "new"]),
        ("growth_bytes", ["large", "small", "new"]),
        ("-growth_bytes", ["small", "large", "new"]),
        ("growth_percent", ["large", "small", "new"]),
        ("-growth_percent", ["small", "large", "new"]),
        ("-period_start,size", ["new", "small", "large"]),
    ],
)
def test_a_list_is_ordered_by_a_figure_and_unknown_ones_come_last(reader, ordering, expected):
    instance = make_instance()
    add_database_row(instance, "large", DAY, 300, -10, Decimal("-3.23"))
    add_database_row(instance, "new", DAY, 100)
    add_database_row(instance, "small", DAY, 200, 20, Decimal("11.11"))
    assert names(reader.get(DATABASES, {"ordering": ordering})) == expected


@pytest.mark.parametrize("ordering", ["database_name", "instance__password", "-instance", "size__lt", "id", "?"])
def test_another_order_is_a_400(reader, ordering):
    answer = reader.get(DATABASES, {"ordering": ordering})
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "ordering")


@pytest.mark.parametrize("url", [DATABASES, INSTANCES])
def test_a_page_costs_as_many_queries_with_50_rows_as_with_one(reader, url):
    def queries(**params):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert len(reader.get(url, {"page_size": 50, **params}).json()["results"]) == expected
        return len(captured)

    def add(number):
        instance = make_instance()
        add_database_row(instance, "sales", DAY, number)
        add_instance_row(instance, DAY, number)

    add(0)
    expected = 1
    queries()  # what is read once per process is read
    alone = queries(), queries(db_type="postgresql", period_type="daily", ordering="-size")
    for number in range(49):
        add(number)
    expected = 50
    assert (queries(), queries(db_type="postgresql", period_type="daily", ordering="-size")) == alone


def test_no_password_is_decrypted(reader):
    instance = make_instance()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE instances SET password = 'written with a lost key'")
    add_database_row(instance, "sales", DAY, 1)
    assert names(reader.get(DATABASES)) == ["sales"]
    assert reader.get(DATABASES, {"format": "csv"}).status_code == 200
    assert reader.get(f"{DATABASES}top/").status_code == 200


class TestDepth:
    """A list can be paged through to DEPTH rows; the test lowers it."""

    @pytest.fixture(autouse=True)
    def rows(self, monkeypatch):
        monkeypatch.setattr(pagination, "DEPTH", 4)
        monkeypatch.setattr("capacity.api.rows.pages.DEPTH", 4)
        instance = make_instance()
        for days in range(6):
            start = date(2025, 3, 1) + timedelta(days=days)
            add_database_row(instance, f"db-{days}", Period.containing("daily", start), days)

    def test_more_rows_are_counted_as_one_more(self, reader):
        assert reader.get(DATABASES, {"page_size": 4}).json()["count"] == 5

    def test_the_last_page_has_a_next_one_that_says_why_it_cannot_be_had(self, reader):
        last = reader.get(DATABASES, {"page": 2, "page_size": 2}).json()
        assert [row["database_name"] for row in last["results"]] == ["db-3", "db-2"]
        answer = reader.get(last["next"])
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "page")
        assert "narrow the filters" in answer.json()["detail"]

    def test_of_a_shorter_list_a_page_that_deep_is_none(self, reader):
        three = {"period_start_before": "2025-03-03", "page_size": 2}
        [error] = reader.get(DATABASES, three | {"page": 9999}).json()["errors"]
        assert (error["code"], error["detail"]) == ("page_too_deep", "There is no page 9999: the last one is 2.")
        assert names(reader.get(DATABASES, three | {"page": 2})) == ["db-0"]
        assert reader.get(DATABASES, {"page": 9999}).json()["errors"][0]["code"] == "page_too_deep"

    def test_that_many_are_not_sorted_by_a_figure_for_a_page(self, reader):
        answer = reader.get(DATABASES, {"ordering": "-size", "page_size": 4})
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "ordering")
        assert names(
            reader.get(DATABASES, {"ordering": "-size", "period_start_before": "2025-03-03", "page_size": 4})
        ) == [
            "db-2",
            "db-1",
            "db-0",
        ]
        assert names(reader.get(DATABASES, {"ordering": "period_start", "page_size": 4})) == [
            "db-0",
            "db-1",
            "db-2",
            "db-3",
        ]

    def test_an_export_sorts_and_has_them_all(self, reader):
        answer = reader.get(DATABASES, {"ordering": "-size", "format": "csv"})
        assert len(b"".join(answer.streaming_content).splitlines()) == 7


@pytest.mark.parametrize(
    ("level", "codename"),
    [("databases", "view_databasesizeaggregation"), ("instances", "view_instancesizeaggregation")],
)
def test_each_level_needs_its_own_permission(client_of, django_user_model, level, codename):
    user = django_user_model.objects.create_user("other")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="capacity").exclude(codename=codename))
    instance = make_instance()
    rows = {"databases": add_database_row(instance, "sales", DAY, 1), "instances": add_instance_row(instance, DAY, 1)}
    base = f"/api/v1/capacity/aggregations/{level}/"
    urls = [base, f"{base}?format=csv", f"{base}{rows[level].pk}/", f"{base}summary/", f"{base}top/"]
    assert [client_of(user).get(url).status_code for url in urls] == [403] * 5
    assert [APIClient().get(url).status_code for url in urls] == [401] * 5
    user.user_permissions.add(Permission.objects.get(codename=codename))
    assert [client_of(django_user_model.objects.get(pk=user.pk)).get(url).status_code for url in urls] == [200] * 5


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_rows_are_only_read(reader, method):
    assert getattr(reader, method)(DATABASES).status_code == 405

"""`/api/v1/capacity/samples/`: pushing samples, and reading them."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from capacity.collection.ingest import ingest
from capacity.models import DatabaseSizeStat
from capacity.tests.factories import a_sample, days, make_instance, marks, samples

pytestmark = pytest.mark.django_db

URL = "/api/v1/capacity/samples/"
NOW = datetime(2025, 3, 5, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def api(client_with):
    return client_with("view_databasesizestat", "add_databasesizestat")


def item(instance, **fields):
    return {
        "instance": instance,
        "database_name": "sales",
        "collected_at": "2025-03-05T09:00:00+08:00",
        "size_bytes": 100,
        **fields,
    }


def test_samples_are_stored_with_their_day_totals_and_marks(api):
    first, second = make_instance("pg-1"), make_instance("12")
    answer = api.post(
        URL,
        [
            item(first.pk, data_size_bytes=70, log_size_bytes=None),
            item("pg-1", database_name="库存 📦", size_bytes=2**63 - 101),
            item("12", collected_at="2025-03-04T16:00:00Z", size_bytes=0),
        ],
    )
    assert (answer.status_code, answer.json()) == (201, {"received": 3, "created": 3, "updated": 0, "days": 2})
    at, midnight, day = datetime(2025, 3, 5, 1, tzinfo=UTC), datetime(2025, 3, 4, 16, tzinfo=UTC), date(2025, 3, 5)
    assert samples() == [
        (first.pk, "sales", at, 100, 70, None, day),
        (first.pk, "库存 📦", at, 2**63 - 101, None, None, day),
        (second.pk, "sales", midnight, 0, None, None, day),
    ]
    assert days() == [(first.pk, day, 2**63 - 1, 2, at), (second.pk, day, 0, 1, midnight)]
    assert set(marks(second)) == {"daily", "weekly", "monthly", "quarterly"}


def test_an_offset_that_postgresql_does_not_know_is_a_moment_all_the_same(api):
    instance = make_instance()
    answer = api.post(URL, [item(instance.pk, collected_at="2025-03-05T23:30:00+23:59")])
    assert answer.status_code == 201
    [row] = samples()
    assert (row[2], row[-1]) == (datetime(2025, 3, 4, 23, 31, tzinfo=UTC), date(2025, 3, 5))


def test_the_list_may_stand_in_an_object(api):
    answer = api.post(URL, {"samples": [item(make_instance().pk)]})
    assert (answer.status_code, answer.json()["created"]) == (201, 1)


def test_what_is_pushed_again_is_replaced(api):
    instance = make_instance()
    api.post(URL, [item(instance.pk)])
    answer = api.post(URL, [item(instance.pk, size_bytes=200), item(instance.pk, database_name="stock")])
    assert answer.json() == {"received": 2, "created": 1, "updated": 1, "days": 1}
    assert [row[3] for row in samples()] == [200, 100]


def test_an_inactive_instance_takes_samples_as_it_does_from_a_file(api):
    assert api.post(URL, [item(make_instance(is_active=False).pk)]).status_code == 201


def test_five_thousand_at_once(api):
    instance = make_instance()
    batch = [item(instance.pk, database_name=f"db-{n}") for n in range(5000)]
    with CaptureQueriesContext(connection) as asked:
        answer = api.post(URL, batch)
    assert (answer.status_code, answer.json()["created"]) == (201, 5000)
    assert len(asked) < 40
    refused = api.post(URL, [*batch, item(instance.pk)])
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "too_many_samples")
    assert refused.json()["detail"] == "5001 samples are too many: send at most 5000 at once."
    assert DatabaseSizeStat.objects.count() == 5000


def test_each_way_needs_its_own_permission(client_with):
    instance = make_instance()
    body = [item(instance.pk)]
    assert client_with("view_databasesizestat", "trigger_aggregation").post(URL, body).status_code == 403
    assert client_with("add_databasesizestat").get(URL).status_code == 403
    assert not DatabaseSizeStat.objects.exists()


def test_pushes_are_throttled_by_themselves(api, monkeypatch):
    monkeypatch.setattr("whalefall.api.throttles.ScopedThrottle.THROTTLE_RATES", {"push": "1/min"})
    body = [item(make_instance("throttled").pk)]
    assert api.post(URL, body).status_code == 201
    refused = api.post(URL, body)
    assert (refused.status_code, refused.has_header("Retry-After")) == (429, True)
    assert api.get(URL).status_code == 200


@pytest.fixture
def stored():
    first, second = make_instance("pg-1"), make_instance("pg-2")
    ingest(
        [
            a_sample(first, "2025-03-01T10:00:00+08:00"),
            a_sample(second, "2025-03-02T10:00:00+08:00", database="stock", data_size_bytes=1, log_size_bytes=2),
            a_sample(first, "2025-03-03T23:30:00+08:00"),
            a_sample(first, "2025-03-03T10:00:00+08:00", database="stock"),
        ]
    )
    return first, second


def test_a_sample_as_it_is_shown(api, stored):
    _first, second = stored
    answer = api.get(f"{URL}?instance={second.pk}")
    sample = DatabaseSizeStat.objects.get(instance=second)
    assert answer.json() == {
        "count": 1,
        "next": None,
        "previous": None,
        "results": [
            {
                "id": sample.pk,
                "instance": second.pk,
                "instance_name": "pg-2",
                "database_name": "stock",
                "collected_at": "2025-03-02T10:00:00+08:00",
                "collected_on": "2025-03-02",
                "size_bytes": 100,
                "data_size_bytes": 1,
                "log_size_bytes": 2,
            }
        ],
    }


FILTERS = [
    ("", 4),
    ("instance={1}&instance={2}", 4),
    ("instance={1}&database_name=sales", 2),
    ("instance={1}&collected_on_after=2025-03-03", 2),
    ("instance={1}&collected_on_before=2025-03-02", 1),
    ("instance={1}&collected_at_after=2025-03-03T15:30:00Z", 1),
    ("instance={1}&collected_at_before=2025-03-03T23:29:59%2B08:00", 2),
    ("instance={1}&collected_at_before=2025-03-04T15:28:59%2B23:59", 2),
    ("instance={1}&collected_at_before=2025-03-03T23:30:00+08:00", 3),
    ("instance=99999", 0),
]


@pytest.mark.parametrize(("query", "count"), FILTERS)
def test_the_list_is_filtered(api, stored, query, count):
    answer = api.get(f"{URL}?{query.format('', stored[0].pk, stored[1].pk)}")
    assert (answer.status_code, answer.json()["count"], len(answer.json()["results"])) == (200, count, count)


def test_the_newest_stored_first_or_in_the_order_of_time(api, stored):
    def ids(query):
        return [one["collected_at"][:16] for one in api.get(f"{URL}?{query}").json()["results"]]

    pks = list(DatabaseSizeStat.objects.order_by("-id").values_list("id", flat=True))
    assert [one["id"] for one in api.get(URL).json()["results"]] == pks
    oldest = ["2025-03-01T10:00", "2025-03-03T10:00", "2025-03-03T23:30"]
    assert ids(f"instance={stored[0].pk}&ordering=collected_at") == oldest
    assert ids(f"instance={stored[0].pk}&ordering=-collected_at") == oldest[::-1]


BAD_QUERIES = [
    ("collected_on_after=2025-03-01", "instance_required"),
    ("database_name=sales", "instance_required"),
    ("ordering=collected_at", "instance_required"),
    ("instance=", "invalid"),
    ("instance=-1", "unknown_instance"),
    ("instance=1&instance=x", "unknown_instance"),
    ("instance=99999999999999999999", "unknown_instance"),
    ("instance=1&database_name=%00", "null_characters_not_allowed"),
    ("instance=1&collected_on_after=01/03/2025", "invalid"),
    ("instance=1&collected_on_after=2025-02-30", "invalid"),
    ("instance=1&collected_on_after=", "invalid"),
    ("instance=1&collected_at_after=2025-03-01", "invalid"),
    ("instance=1&collected_at_after=2025-03-01T00:00:00", "invalid"),
    ("instance=1&collected_at_after=0001-01-01T00:00:00%2B23:00", "invalid"),
    ("instance=1&collected_at_before=9999-12-31T23:59:59-23:00", "invalid"),
    ("instance=1&ordering=database_name", "invalid_ordering"),
    ("instance=1&ordering=instance__name", "invalid_ordering"),
    ("instance__name=x", "unknown_parameter"),
    ("search=x", "unknown_parameter"),
]


@pytest.mark.parametrize(("query", "code"), BAD_QUERIES)
def test_a_query_that_it_does_not_understand_is_a_400(api, stored, query, code):
    answer = api.get(f"{URL}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)


def test_a_page_takes_as_many_queries_for_many_as_for_few(api):
    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert api.get(f"{URL}?page_size=200").status_code == 200
        return len(asked)

    instances = [make_instance() for _ in range(20)]
    ingest([a_sample(instances[0])])
    few = queries()
    ingest([a_sample(one, database=f"d{n}") for one in instances for n in range(8)])
    assert queries() == few


@pytest.mark.parametrize(
    ("asked", "size"),
    [("sales", 1), ("sales ", 2), (" sales", 3), ("B\u00fcro", 4), ("Bu\u0308ro", 4), ("SALES", None)],
)
def test_a_database_is_asked_for_by_its_whole_name_in_any_form_of_unicode(api, asked, size):
    instance = make_instance()
    names = ("sales", "sales ", " sales", "Bu\u0308ro")
    assert api.post(URL, [item(instance.pk, database_name=name, size_bytes=n + 1) for n, name in enumerate(names)])
    found = api.get(URL, {"instance": instance.pk, "database_name": asked}).json()["results"]
    assert [one["size_bytes"] for one in found] == ([size] if size else [])

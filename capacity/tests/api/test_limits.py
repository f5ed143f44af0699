"""`/api/v1/capacity/limits/`, `events/` and `forecasts/`, and what stands beside databases."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from capacity.collection.ingest import ingest
from capacity.models import CapacityLimit, DatabaseState
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.outlooks import GIB, days_ago, event_of, forecast_of, limit, make_stories

pytestmark = pytest.mark.django_db

LIMITS, EVENTS, FORECASTS = (f"/api/v1/capacity/{name}/" for name in ("limits", "events", "forecasts"))
DATABASES = "/api/v1/capacity/databases/"


@pytest.fixture
def api(client_with):
    verbs = ("view", "add", "change", "delete")
    return client_with(*(f"{verb}_capacitylimit" for verb in verbs), "view_databasesizestat")


@pytest.fixture
def stories():
    return make_stories()


def test_a_limit_is_entered_changed_and_deleted(api, stories):
    made = api.post(LIMITS, {"instance": "a", "database_name": "sales", "limit_bytes": 5, "note": "agreed"})
    assert made.status_code == 201
    one = CapacityLimit.objects.get()
    told = made.json()
    assert told.pop("updated_at") and told.pop("updated_by")
    instance = {"id": stories["a"].pk, "name": "a", "db_type": "postgresql"}
    assert told == {
        "id": one.pk,
        "instance": instance,
        "database_name": "sales",
        "limit_bytes": 5,
        "source": "manual",
        "shared_key": "",
        "note": "agreed",
    }
    assert api.patch(f"{LIMITS}{one.pk}/", {"limit_bytes": 7, "shared_key": "D:"}).json()["limit_bytes"] == 7
    assert api.get(LIMITS, {"shared_key": "D:", "source": "manual", "tag": "team:billing"}).json()["count"] == 1
    assert api.delete(f"{LIMITS}{one.pk}/").status_code == 204
    assert not CapacityLimit.objects.exists()


@pytest.mark.parametrize(
    ("body", "attr", "code"),
    [
        ({"instance": "nope"}, "instance", "unknown_instance"),
        ({"database_name": "nope"}, "non_field_errors", "unknown_database"),
        ({"database_name": "audit"}, "non_field_errors", "limit_exists"),
        ({"limit_bytes": 0}, "limit_bytes", "min_value"),
        ({"limit_bytes": "5"}, "limit_bytes", "invalid"),
        ({"source": "volume"}, "source", "unknown_field"),
    ],
)
def test_what_cannot_be_a_limit_is_refused(api, stories, body, attr, code):
    limit(stories["a"], 100, "audit")
    answer = api.post(LIMITS, {"instance": stories["a"].pk, "limit_bytes": 5, **body})
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (400, code)


def test_a_limit_is_of_a_name_in_any_form_of_unicode(api):
    instance = make_instance()
    ingest([a_sample(instance, database="B\u00fcro")])
    made = api.post(LIMITS, {"instance": instance.pk, "database_name": "Bu\u0308ro", "limit_bytes": 5})
    assert (made.status_code, made.json()["database_name"]) == (201, "B\u00fcro")


def test_what_was_measured_is_not_changed(api, stories):
    url = f"{LIMITS}{limit(stories['a'], 100, 'sales', 'volume').pk}/"
    assert api.get(url).json()["source"] == "volume"
    for answer in (api.patch(url, {"limit_bytes": 5}), api.delete(url)):
        assert (answer.status_code, answer.json()["code"]) == (409, "limit_collected")
    assert CapacityLimit.objects.get().limit_bytes == 100 * GIB


def test_events_are_listed_the_newest_first(client_with):
    one, other = make_instance("a", tags=["prod"]), make_instance("b")
    event_of(one, "sales", days_ago(3))
    event_of(other, "app", days_ago(1), "appeared", 0, 5, 0)
    api = client_with("view_capacityevent")
    newest, oldest = api.get(EVENTS).json()["results"]
    assert (newest["database_name"], newest["kind"], newest["change_bytes"]) == ("app", "appeared", 5 * GIB)
    assert oldest["sentence"] == "lost 60 %, 6.0 GiB; usual at most 1.0 GiB a day"
    for query in ({"tag": "prod"}, {"kind": "drop"}, {"day_before": str(days_ago(2))}, {"instance": one.pk}):
        assert [row["database_name"] for row in api.get(EVENTS, query).json()["results"]] == ["sales"], query


def test_forecasts_are_listed_by_their_date_with_their_scores(client_with):
    one = make_instance("a", tags=["prod"])
    forecast_of(one, "later", "date", expected_on=days_ago(-90))
    forecast_of(one, "soon", "date", expected_on=days_ago(-9))
    forecast_of(make_instance("b"), "", "over")
    forecast_of(one, "calm", "flat", is_newest=False, made_on=days_ago(90), error_90_percent=3)
    api = client_with("view_forecast")

    def found(**query):
        return [(row["database_name"], row["state"]) for row in api.get(FORECASTS, query).json()["results"]]

    assert found() == [("", "over"), ("soon", "date"), ("later", "date")]
    assert found(ordering="-expected_on") == [("later", "date"), ("soon", "date"), ("", "over")]
    assert found(expected_before=str(days_ago(-10)), tag="prod") == [("soon", "date")]
    assert found(level="instance", state="over") == [("", "over")]
    [old] = api.get(FORECASTS, {"is_newest": "false"}).json()["results"]
    assert (old["database_name"], old["error_90_percent"], old["is_newest"]) == ("calm", 3.0, False)


def test_limit_and_forecast_stand_beside_a_database(api, stories):
    limit(stories["a"], 200, "sales", "volume", "D:")
    limit(stories["b"], 200, "app", "volume", "D:")
    forecast_of(stories["a"], "sales", "date", expected_on=days_ago(-9), limit_bytes=200 * GIB, shared_key="D:")
    sales, *others = api.get(DATABASES, {"ordering": "-size"}).json()["results"]
    assert sales["limit"] == {
        "limit_bytes": 200 * GIB,
        "source": "volume",
        "shared_key": "D:",
        "used_bytes": 140 * GIB,
        "used_percent": 70.0,
        "database_count": 2,
        "sentence": "used 70 % of 200.0 GiB (volume D:, shared by 2 databases)",
    }
    assert (sales["forecast"]["state"], sales["forecast"]["expected_on"]) == ("date", str(days_ago(-9)))
    assert others[0]["database_name"] == "old"
    assert (others[0]["limit"], others[0]["forecast"]) == (None, None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"tag": "prod"}, ["app"]),
        ({"presence": "gone"}, ["old"]),
        ({"presence": "here", "ordering": "-size"}, ["sales", "audit", "app", "new"]),
        ({"appeared_after": str(days_ago(7))}, ["new"]),
        ({"vanished_after": str(days_ago(7))}, []),
        ({"max_month_change_percent": "-20"}, ["audit"]),
        ({"min_week_change_percent": "20"}, ["sales"]),
        ({"state": "flat"}, ["app"]),
        ({"ordering": "days_until_full", "state": ["flat", "date"]}, ["sales", "app"]),
        ({"ordering": "-used_percent", "max_month_change_percent": "10"}, ["app", "audit"]),
    ],
)
def test_databases_are_filtered_and_ordered(api, stories, query, found):
    forecast_of(stories["b"], "app", "flat")
    forecast_of(stories["a"], "sales", "date", expected_on=days_ago(-9))
    limit(stories["b"], 20, "app")
    limit(stories["a"], 100, "audit")
    rows = api.get(DATABASES, query).json()["results"]
    assert [row["database_name"] for row in rows] == found


def test_a_page_costs_the_same_however_many_rows(api, stories):
    limit(stories["a"], 200, "sales", "volume", "D:")

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert api.get(DATABASES).status_code == 200
        return len(asked)

    few = queries()
    state = DatabaseState.objects.get(database_name="app")
    for number in range(15):
        state.pk, state.database_name = None, f"app-{number}"
        state.save()
        limit(stories["b"], 100, f"app-{number}", "volume", "D:")
    assert queries() == few


def test_limit_and_forecast_stand_beside_an_instance(client_with, stories):
    limit(stories["a"], 400)
    forecast_of(stories["a"], "", "date", expected_on=days_ago(-9))
    api = client_with("view_instance")
    other, one = api.get("/api/v1/instances/", {"ordering": "-days_until_full"}).json()["results"][::-1]
    said = (one["name"], one["limit"]["used_bytes"], one["forecast"]["expected_on"])
    assert said == ("a", 165 * GIB, str(days_ago(-9)))
    assert (other["name"], other["limit"], other["forecast"]) == ("b", None, None)
    assert api.get(f"/api/v1/instances/{one['id']}/").json()["forecast"] == one["forecast"]

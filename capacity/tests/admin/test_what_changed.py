"""The pages that answer "what changed" and "what is full next", and the search of the sidebar."""

from datetime import timedelta

import pytest
from django.urls import reverse

from capacity.models import CapacityEvent, Tag
from capacity.periods import today
from capacity.tests.factories import make_instance
from capacity.tests.outlooks import GIB, days_ago, event_of, forecast_of, limit, make_stories

from .staff import logged_in, words

pytestmark = pytest.mark.django_db

EVENTS = reverse("admin:capacity_capacityevent_changelist")
FORECASTS = reverse("admin:capacity_forecast_changelist")


def shown(page):
    return [(str(row.instance), row.database_name) for row in page.context["cl"].result_list]


@pytest.fixture
def events():
    one, other = make_instance("a", tags=["prod"]), make_instance("b", db_type="mysql")
    event_of(one, "sales", days_ago(3))
    event_of(other, "app", days_ago(1), "appeared", 0, 5, 0)
    event_of(one, "", days_ago(3), databases=["sales"], days_before=[["2025-01-01", 11 * GIB]])
    return one, other


def test_the_page_of_an_event_says_what_it_is_in_words(events):
    event = CapacityEvent.objects.get(kind="appeared")
    page = logged_in("view_capacityevent").get(reverse("admin:capacity_capacityevent_change", args=[event.pk]))
    assert f"b app {event.day} Appeared" in words(page)
    assert "('appeared'" not in words(page)


def test_events_are_told_by_day_with_the_usual_largest_change(events):
    page = logged_in("view_capacityevent").get(EVENTS)
    assert shown(page) == [("b", "app"), ("a", ""), ("a", "sales")]
    said = words(page)
    assert "appeared with 5.0 GiB" in said
    assert "lost 60 %, 6.0 GiB; usual at most 1.0 GiB a day -6,144.0 MiB 1,024.0 MiB" in said
    assert "Whole instance: sales" in said and "11.0 GiB" in said
    assert said.startswith("What changed | WhaleFall")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"kind__exact": "appeared"}, [("b", "app")]),
        ({"tag": "prod"}, [("a", ""), ("a", "sales")]),
        ({"instance__db_type__exact": "mysql"}, [("b", "app")]),
        ({"q": "sal"}, [("a", "sales")]),
    ],
)
def test_events_are_filtered(admin_client, events, query, found):
    assert shown(admin_client.get(EVENTS, query)) == found


def test_a_day_is_found(admin_client, events):
    assert shown(admin_client.get(EVENTS, {"day_from": str(days_ago(2)), "day_to": str(today())})) == [("b", "app")]


@pytest.fixture
def forecasts():
    one, other = make_instance("a", tags=["prod"]), make_instance("b")
    for database, days in [("later", 90), ("soon", 9)]:
        forecast_of(one, database, "date", expected_on=today() + timedelta(days=days))
    forecast_of(other, "", "over", limit_bytes=9 * GIB)
    forecast_of(other, "calm", "shrinking", weekly_bytes=-GIB)
    forecast_of(other, "soon", "date", expected_on=today(), is_newest=False)
    return one, other


def test_what_is_full_comes_first_then_by_the_date(admin_client, forecasts):
    page = admin_client.get(FORECASTS)
    assert shown(page) == [("b", ""), ("a", "soon"), ("a", "later")]
    assert "Full now" in words(page)
    assert "each is kept, and compared with the size when its day has come" in words(page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"forecast": "shrinking"}, [("b", "calm")]),
        ({"tag": "prod"}, [("a", "soon"), ("a", "later")]),
        ({"level__exact": "instance"}, [("b", "")]),
    ],
)
def test_forecasts_are_filtered(admin_client, forecasts, query, found):
    assert shown(admin_client.get(FORECASTS, query)) == found


def test_those_that_share_a_volume_are_one_line(admin_client):
    stories = make_stories()
    for instance, database in [(stories["a"], "sales"), (stories["b"], "app")]:
        limit(instance, 200, database, "volume", "D:")
        forecast_of(instance, database, "date", shared_key="D:", expected_on=today() + timedelta(days=9))
    forecast_of(None, "", "date", level="volume", shared_key="D:", expected_on=today() + timedelta(days=9))
    page = admin_client.get(FORECASTS)
    assert shown(page) == [("None", "")]
    assert "Volume: D:" in words(page)
    assert "used 70 % of 200.0 GiB (volume D:, shared by 2 databases)" in page.content.decode()


def test_what_has_no_date_is_counted_with_the_reasons_and_led_to(admin_client, forecasts):
    other = make_instance("c", tags=["prod"])
    for database in ("one", "two"):
        forecast_of(other, database)
    forecast_of(other, "")
    page = admin_client.get(FORECASTS)
    assert "3 databases have no date: No limit known (2), Shrinking (1). Show them" in words(page)
    there = admin_client.get(FORECASTS + page.context["undated"]["url"])
    assert shown(there) == [("b", "calm"), ("c", "one"), ("c", "two")]
    assert "no date: no limit is known" in words(there) and there.context["undated"] is None
    of_tag = admin_client.get(FORECASTS, {"tag": "prod"})
    assert "2 databases have no date: No limit known (2)." in words(of_tag)
    assert shown(admin_client.get(FORECASTS + of_tag.context["undated"]["url"])) == [("c", "one"), ("c", "two")]
    assert admin_client.get(FORECASTS, {"q": "calm"}).context["undated"]["text"].startswith("1 database has no date")
    assert admin_client.get(FORECASTS, {"q": "soon"}).context["undated"] is None


def test_how_good_forecasts_were_stands_above_them(admin_client):
    one = make_instance()
    for number, error in enumerate((1, 2, 9)):
        forecast_of(one, f"db-{number}", made_on=days_ago(90), is_newest=False, error_90_percent=error)
    assert "forecasts of 90 days ago were off by 2.0 % (median)" in words(admin_client.get(FORECASTS))


@pytest.mark.parametrize("model", ["capacityevent", "forecast"])
def test_a_page_of_a_forecast_and_of_an_event_opens(admin_client, model):
    instance = make_instance("a")
    row = event_of(instance, "sales") if model == "capacityevent" else forecast_of(instance, "sales", "flat")
    page = admin_client.get(reverse(f"admin:capacity_{model}_change", args=[row.pk]))
    assert "sales" in words(page)


def search(client, term):
    return words(client.get(reverse("admin:search"), {"s": term}))


def test_the_search_finds_instances_databases_tags_and_pages(admin_client):
    make_stories()
    Tag.objects.create(name="sales-team")
    assert search(admin_client, "SALES") == "sales / Database of a sales-team / Tag"
    assert search(admin_client, "schedul").startswith("Schedules / Runs")
    assert "b / Instance" in search(admin_client, "b")
    assert search(admin_client, "%") == search(admin_client, "") == search(admin_client, "\x00") == ""


def test_the_search_shows_what_one_may_see():
    make_stories()
    assert search(logged_in("view_instance"), "sales") == ""
    assert search(logged_in("view_databasesizestat"), "sales") == "sales / Database of a"

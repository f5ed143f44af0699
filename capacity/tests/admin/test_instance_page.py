"""The page of an instance: its history above its settings."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.collection.ingest import Sample, ingest
from capacity.models import Instance
from capacity.periods import Period, today
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_day, add_sample, aggregate, forget
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .staff import logged_in, words

pytestmark = pytest.mark.django_db

MIB = 2**20


def url_of(instance):
    return reverse("admin:capacity_instance_change", args=[instance.pk])


def days_ago(count):
    return today() - timedelta(days=count)


def add(instance, day, **sizes):
    """A sample of each database that day, in MiB, and the day's total."""
    for name, size in sizes.items():
        add_sample(instance, name, day, size * MIB)
    add_day(instance, day, sum(sizes.values()) * MIB, databases=len(sizes))


def table(page):
    """The rows of databases as lists of texts."""
    rows = re.findall(r'<tr><th scope="row".*?</tr>', page.content.decode(), re.S)
    return [
        [" ".join(re.sub("<[^>]*>", " ", cell).split()) for cell in re.split(r"</t[hd]>", row)[:4]] for row in rows
    ]


def chart(page):
    """{name: its bars} of the chart by database, which is the last one, and the labels."""
    data = json.loads(unescape(re.findall(r'data-value="([^"]*)"', page.content.decode())[-1]))
    return {one["label"]: one["data"] for one in data["datasets"]}, data["labels"]


@pytest.fixture
def grown():
    instance = make_instance("grown")
    add(instance, days_ago(31), sales=100, crm=50)
    add(instance, days_ago(7), sales=400, crm=50)
    add(instance, days_ago(0), sales=300, crm=60, new=1)
    return instance


def test_it_says_how_large_the_instance_is_and_how_it_grows(admin_client, grown):
    said = words(admin_client.get(url_of(grown)))
    assert "Size 361.0 MiB Databases 3 Change in 7 days -89.0 MiB -19.78 % Change in 30 days +211.0 MiB" in said


def test_its_databases_are_listed_by_size_with_their_growth(admin_client, grown):
    assert table(admin_client.get(url_of(grown))) == [
        ["sales", "300.0 MiB", "-100.0 MiB -25.00 %", "+200.0 MiB +200.00 %"],
        ["crm", "60.0 MiB", "+10.0 MiB +20.00 %", "+10.0 MiB +20.00 %"],
        ["new", "1.0 MiB", "–", "–"],
    ]


def test_the_last_sample_of_a_day_is_its_size(admin_client, time_machine):
    time_machine.move_to("2025-06-30T04:00:00Z", tick=False)  # noon in Shanghai: both are of one day
    instance = make_instance()
    for minutes, size in [(20, 7), (10, 5)]:
        ingest([Sample(instance.pk, "app", timezone.now() - timedelta(minutes=minutes), size * MIB)])
    page = admin_client.get(url_of(instance))
    assert [row[:2] for row in table(page)] == [["app", "5.0 MiB"]]
    assert chart(page)[0]["app"][-1] == 5


def test_of_very_many_databases_the_largest_are_listed(admin_client):
    instance = make_instance()
    add(instance, days_ago(0), **{f"db{number:03}": 1000 - number for number in range(103)})
    page = admin_client.get(url_of(instance))
    assert [row[0] for row in table(page)] == [f"db{number:03}" for number in range(100)]
    assert "And 3 smaller ones." in words(page)


def test_the_chart_has_a_bar_of_each_of_ninety_days(admin_client, grown):
    bars, labels = chart(admin_client.get(url_of(grown)))
    assert len(labels) == 90
    filled = {name: {89 - place: value for place, value in enumerate(data) if value} for name, data in bars.items()}
    assert filled == {
        "sales": {31: 100, 7: 400, 0: 300},
        "crm": {31: 50, 7: 50, 0: 60},
        "new": {0: 1},
    }


def test_beyond_seven_databases_the_rest_is_one(admin_client):
    instance = make_instance()
    add(instance, days_ago(0), **{f"db{number}": 100 - number for number in range(10)})
    bars, _labels = chart(admin_client.get(url_of(instance)))
    assert list(bars) == [*(f"db{number}" for number in range(7)), "others"]
    assert bars["others"][-1] == 93 + 92 + 91


def test_the_chart_of_months_shows_what_was_aggregated(admin_client):
    instance = make_instance()
    month = Period.containing("monthly", today())
    add(instance, month.previous().start, sales=100, crm=10)
    add(instance, month.start, sales=200)
    for period in (month, month.previous()):
        aggregate(period)
    bars, labels = chart(admin_client.get(url_of(instance), {"chart": "months"}))
    assert len(labels) == 12
    assert (bars["sales"][-2:], bars["others"][-2:]) == ([100, 200], [10, 0])


def test_the_chart_is_told_in_words(admin_client, grown):
    assert 'role="img" aria-label="Size by database: From 150.0 MiB to 361.0 MiB."' in (
        admin_client.get(url_of(grown)).content.decode()
    )


def test_months_that_were_not_aggregated_say_what_to_do(admin_client, grown):
    assert "aggregate the monthly periods to see them here" in words(
        admin_client.get(url_of(grown), {"chart": "months"})
    )


def test_samples_that_are_older_than_the_chart_say_what_to_do(admin_client):
    instance = make_instance()
    add(instance, days_ago(100), sales=1)
    assert "No sample in these days: collect" in words(admin_client.get(url_of(instance)))


def test_coverage_is_told_in_marks_and_in_words(admin_client):
    instance = make_instance()
    for day in [*range(10), *range(12, 30)]:
        add_day(instance, days_ago(day), 5 * MIB)
    page = admin_client.get(url_of(instance))
    assert "28 of the last 30 days have a sample. None on: " in words(page)
    assert page.content.decode().count(': no sample"') == 2
    assert page.content.decode().count(': 5.0 MiB"') == 28


def test_the_last_ten_records_lead_to_their_sessions(admin_client, grown):
    for _number in range(11):
        CurrentAggregationService().aggregate_current(CurrentAggregationRequest())
    page = admin_client.get(url_of(grown)).content.decode()
    links = re.findall(r"/admin/sync_sessions/syncsession/(\d+)/change/", page)
    newest = list(SyncSession.objects.order_by("-pk").values_list("pk", flat=True)[:10])
    assert [int(pk) for pk in links] == newest


def test_a_record_says_how_it_ended_and_why(admin_client):
    instance = make_instance("idle")
    CurrentAggregationService().aggregate_current(CurrentAggregationRequest())
    day = date_format(today())
    said = words(admin_client.get(url_of(instance)))
    assert re.search(
        rf"Last records Skipped Aggregation Daily {day} .* \(Asia/Shanghai\) No samples in the period", said
    )


def test_who_may_not_see_sessions_gets_no_links_to_them(grown):
    CurrentAggregationService().aggregate_current(CurrentAggregationRequest())
    page = logged_in("view_instance").get(url_of(grown))
    assert "Completed Aggregation Daily" in words(page)
    assert "/syncsession/" not in page.content.decode()


def test_an_instance_without_samples_says_what_to_do_first(admin_client):
    said = words(admin_client.get(url_of(make_instance())))
    assert "No sample yet: collect from the instance, or push its samples by API or CSV." in said
    assert "No run has been here yet." in said


def test_names_that_are_markup_are_shown_as_text(admin_client):
    instance = make_instance("<img src=x onerror=alert(1)>")
    hostile = "</script><b>sales</b>\"'"
    ingest([Sample(instance.pk, hostile, timezone.now(), MIB)])
    session = sync_session_service.create_session(
        sync_type="manual_single", sync_category="other", lock_key="t", instances=[(instance.pk, instance.name)]
    )
    sync_session_service.fail_session(session, "x", "<i>reason</i>")
    page = admin_client.get(url_of(instance))
    html = page.content.decode()
    assert not any(markup in html for markup in ("<img src=x", "<b>sales", "<i>reason"))
    assert "<i>reason</i>" in words(page)
    assert hostile in chart(page)[0]


def test_it_costs_the_same_however_long_the_history_is(admin_client):
    short, long = make_instance("short"), make_instance("long")
    for instance, days, databases in [(short, 40, 1), (long, 200, 9)]:
        for day in range(0, days, 5):
            add(instance, days_ago(day), **{f"db{number}": 5 for number in range(databases)})
        for _number in range(databases):
            CurrentAggregationService().aggregate_current(CurrentAggregationRequest(instances=[instance]))

    def cost(instance, **query):
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(url_of(instance), query).status_code == 200
        return len(queries)

    cost(short)  # what is read once by a process
    assert cost(long) == cost(short) <= 19
    assert cost(long, chart="months") == cost(short, chart="months") <= 19


def test_who_may_only_look_sees_history_and_settings_but_no_password(grown):
    Instance.objects.filter(pk=grown.pk).update(host="db-1", username="reader", password="hunter2")
    page = logged_in("view_instance").get(url_of(grown))
    said = words(page)
    assert "Size 361.0 MiB" in said
    assert "db-1" in said
    assert "reader" in said
    assert "hunter2" not in page.content.decode()
    assert "Password" not in said


def test_a_form_that_comes_back_with_errors_is_not_below_the_history(admin_client, grown):
    page = admin_client.post(url_of(grown), {"name": "", "db_type": "postgresql"})
    assert "This field is required." in words(page)
    assert "Size by database" not in words(page)


def test_a_password_that_no_key_decrypts_can_be_given_again(admin_client):
    instance = make_instance("lost key", host="db", username="u")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE instances SET password = 'gAAAA'")
    form = {"name": "lost key", "db_type": "postgresql", "host": "db", "username": "u", "is_active": "on"}
    assert admin_client.get(url_of(instance)).status_code == 200
    assert admin_client.post(url_of(instance), {**form, "description": "kept"}).status_code == 302
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM instances")
        assert cursor.fetchall() == [("gAAAA",)]
    admin_client.post(url_of(instance), {**form, "password": "again"})
    assert Instance.objects.get().password == "again"


@pytest.mark.parametrize("level", ["database", "instance"])
def test_an_instance_with_period_rows_alone_is_not_deleted(admin_client, level):
    instance = make_instance("purged")
    add(instance, days_ago(0), sales=1)
    aggregate(Period.containing("daily", today()), level)
    forget(instance)
    url = reverse("admin:capacity_instance_delete", args=[instance.pk])
    said = "purged has samples or period rows: deactivate it instead."
    assert said in words(admin_client.get(url))
    admin_client.post(url, {"post": "yes"})
    assert Instance.objects.filter(pk=instance.pk).exists()


def test_of_several_those_with_history_are_named(admin_client, grown):
    empty = make_instance("empty")
    data = {"action": "delete_selected", "_selected_action": [grown.pk, empty.pk]}
    page = admin_client.post(reverse("admin:capacity_instance_changelist"), data)
    assert "grown has samples or period rows" in words(page)
    assert "empty has samples" not in words(page)
    admin_client.post(reverse("admin:capacity_instance_changelist"), {**data, "post": "yes"})
    assert Instance.objects.count() == 2

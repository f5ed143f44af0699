"""The list of instances: what a row says, filters, order, and what it costs."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from capacity.collection.ingest import Sample, ingest
from capacity.models import Instance
from capacity.periods import today
from capacity.tests.factories import make_instance
from capacity.tests.outlooks import forecast_of, limit
from capacity.tests.samples import add_day

from .staff import told, words

pytestmark = pytest.mark.django_db

URL = reverse("admin:capacity_instance_changelist")


def row(page, name):
    """{column: its text} of the row of that instance."""
    [html] = [one for one in re.findall(r"<tr class=\"data-row.*?</tr>", page.content.decode(), re.S) if name in one]
    cells = re.findall(r'<t[hd] class="field-(\w+)[^>]*>(.*?)</t[hd]>', html, re.S)
    return {column: " ".join(re.sub(r"<title>.*?</title>|<[^>]*>", " ", cell).split()) for column, cell in cells}


def names(page):
    return [one.name for one in page.context["cl"].result_list]


def days_ago(count):
    return today() - timedelta(days=count)


def warned(page):
    return [text for level, text in told(page) if level == "warning"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("missing=foo", 'The filter "no sample on" does not know "foo", which is left out.'),
        ("sample=foo", 'The filter "last sample" does not know "foo", which is left out.'),
        ("missing=" + "x" * 200, f'The filter "no sample on" does not know "{"x" * 59}…", which is left out.'),
    ],
    ids=["no day", "no state", "a long text"],
)
def test_a_value_that_a_filter_does_not_know_is_told(admin_client, grown, query, said):
    page = admin_client.get(URL + "?" + query)
    assert (names(page), warned(page)) == (["grown"], [said])


def test_what_a_filter_knows_or_an_empty_one_is_no_reason_for_a_word(admin_client, grown):
    assert warned(admin_client.get(URL, {"missing": str(days_ago(3)), "sample": "", "tag": ""})) == []


def test_of_an_engine_that_there_is_not_no_row_is_shown_and_it_is_told(admin_client, grown):
    page = admin_client.get(URL, {"db_type__exact": "db2"})
    assert (names(page), warned(page)) == ([], ['The filter "engine" does not know "db2": no row is of it.'])
    assert warned(admin_client.get(URL, {"db_type__exact": "mysql"})) == []


def test_a_page_that_the_list_does_not_have_is_told_and_its_first_one_shown(admin_client, grown, monkeypatch):
    make_instance()
    monkeypatch.setattr(admin.site.get_model_admin(Instance), "list_per_page", 1)
    page = admin_client.get(URL, {"p": 9999})
    assert (len(names(page)), warned(page)) == (1, ["This list has no page 9999: its first one is shown."])


def test_a_filter_that_the_list_does_not_have_is_told(admin_client, grown):
    page = admin_client.get(URL + "?colour=red", follow=True)
    assert warned(page) == ["This list has no such filter, or the filter no such value: it is shown without."]


STATE = (
    "last_size_bytes",
    "week_change_bytes",
    "week_change_percent",
    "month_change_bytes",
    "month_change_percent",
)


@pytest.fixture
def grown():
    """An instance of three databases that has grown from 800 to 1,000 MiB in a month."""
    instance = make_instance("grown", db_type="mysql")
    mib = 2**20
    for days, size in [(30, 800), (7, 1200), (1, 900)]:
        add_day(instance, days_ago(days), size * mib, databases=2)
    at = timezone.now()
    ingest([Sample(instance.pk, name, at, 1000 * mib // 4 * share) for name, share in [("a", 2), ("b", 1), ("c", 1)]])
    return instance


def test_a_row_says_how_large_an_instance_is_and_how_it_grows(admin_client, grown):
    said = row(admin_client.get(URL), "grown")
    assert said.pop("sample").endswith("ago")
    assert said == {
        "name": "grown",
        "engine": "MySQL / MariaDB",
        "databases": "3",
        "last_size_bytes": "1,000.0 MiB",
        "week_change_bytes": "-200.0 MiB",
        "week_change_percent": "-16.67 %",
        "month_change_bytes": "+200.0 MiB",
        "month_change_percent": "+25.00 %",
        "spark": "",
        "active": "Active",
    }


def test_the_spark_line_has_a_text(admin_client, grown):
    page = admin_client.get(URL).content.decode()
    assert "From 1.2 GiB to 1000.0 MiB, between 900.0 MiB and 1.2 GiB; 3 of 30 days have a sample." in page


def test_what_is_unknown_is_a_dash_with_the_reason(admin_client):
    make_instance("empty")
    young = make_instance("young")
    add_day(young, today(), 10)
    page = admin_client.get(URL)
    said = row(page, "empty")
    assert [said[column] for column in ("databases", *STATE, "spark")] == ["–"] * 7
    assert said["sample"] == "–"
    assert [row(page, "young")[column] for column in STATE[1:]] == ["–"] * 4
    html = page.content.decode()
    assert 'title="No sample yet."' in html
    assert 'title="There is no sample of 7 to 10 days before the last one to compare with."' in html
    assert 'title="There is no sample of 30 to 33 days before the last one to compare with."' in html


def test_a_word_marks_an_active_instance_whose_samples_stopped(admin_client):
    fresh, stopped, inactive = make_instance("fresh"), make_instance("stopped"), make_instance("off", is_active=False)
    for instance, age in [(fresh, timedelta(hours=47)), (stopped, timedelta(hours=49)), (inactive, timedelta(days=9))]:
        ingest([Sample(instance.pk, "app", timezone.now() - age, 1)])
    page = admin_client.get(URL)
    assert [row(page, name)["sample"] for name in ("fresh", "stopped", "off")] == [
        "1 day ago",
        "2 days ago late",
        "1 week ago",
    ]


def test_the_filter_keeps_what_the_word_marks(admin_client):
    fresh, stopped, inactive = make_instance("fresh"), make_instance("stopped"), make_instance("off", is_active=False)
    make_instance("empty")
    old = make_instance("never")
    Instance.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=49))
    for instance, age in [(fresh, timedelta(hours=47)), (stopped, timedelta(hours=49)), (inactive, timedelta(days=9))]:
        ingest([Sample(instance.pk, "app", timezone.now() - age, 1)])
    assert names(admin_client.get(URL, {"sample": "late"})) == ["stopped"]
    assert names(admin_client.get(URL, {"sample": "never"})) == ["never"]
    assert (row(admin_client.get(URL), "empty")["sample"], row(admin_client.get(URL), "never")["sample"]) == (
        "–",
        "– late",
    )
    assert names(admin_client.get(URL, {"is_active__exact": "0"})) == ["off"]
    assert names(admin_client.get(URL, {"db_type__exact": "mysql"})) == []


@pytest.mark.parametrize(
    ("column", "largest_first"),
    [
        ("last_size_bytes", ["b", "c", "a", "none"]),
        ("week_change_bytes", ["c", "a", "b", "none"]),
        ("week_change_percent", ["a", "c", "b", "none"]),
        ("month_change_bytes", ["b", "a", "c", "none"]),
        ("month_change_percent", ["a", "b", "c", "none"]),
    ],
)
def test_it_sorts_by_size_and_growth_in_bytes_and_percent_and_the_unknown_is_last(admin_client, column, largest_first):
    for name, size, week, month in [("a", 100, 50, 10), ("b", 300, 500, 100), ("c", 200, 110, 150)]:
        instance = make_instance(name)
        for days, total in ((30, month), (7, week), (0, size)):
            add_day(instance, days_ago(days), total)
    make_instance("none")
    columns = [getattr(one, "__name__", one) for one in admin_client.get(URL).context["cl"].list_display]
    number = columns.index(column)
    assert names(admin_client.get(URL, {"o": f"-{number}"})) == largest_first
    assert names(admin_client.get(URL, {"o": number})) == [*largest_first[-2::-1], "none"]


def test_what_is_listed_is_added_up(admin_client, grown):
    add_day(make_instance("new", db_type="oracle"), today(), 24 * 2**20, databases=1)
    make_instance("empty")
    assert admin_client.get(URL).context["sums"] == (
        "3 instances: 4 databases, 1.0 GiB, -200.0 MiB (-16.67 %, 1 instance compared) in a week, "
        "+200.0 MiB (+25.00 %, 1 instance compared) in a month"
    )
    filtered = admin_client.get(URL, {"db_type__exact": "mysql"})
    assert (
        "1 instance: 3 databases, 1000.0 MiB, -200.0 MiB (-16.67 %) in a week, +200.0 MiB (+25.00 %) in a month"
    ) in words(filtered)
    assert admin_client.get(URL, {"q": "empty"}).context["sums"] == ""


def test_sums_are_right_beyond_what_a_column_holds(admin_client):
    for name in ("a", "b"):
        add_day(make_instance(name), today(), 2**62)
    assert "8.0 EiB" in admin_client.get(URL).context["sums"]


def test_it_is_exported_as_filtered_without_anything_secret(admin_client, grown):
    Instance.objects.filter(pk=grown.pk).update(host="db.example", password="s3cret")
    other = make_instance("other", tags=["team:web", "env:prod"])
    add_day(other, today(), 50 * 2**30)
    limit(other, 100)
    forecast_of(other, state="flat")
    page = admin_client.get(URL, {"q": "o"})
    assert f'href="{URL}export/?q=o"' in page.content.decode()
    answer = admin_client.get(f"{URL}export/", {"q": "o", "o": "-2"})
    text = b"".join(answer.streaming_content).decode()
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["instance_name"], first["tags"], first["last_size_bytes"]) == (
        "other",
        "env:prod,team:web",
        str(50 * 2**30),
    )
    assert (first["used_percent"], first["forecast_state"]) == ("50.00", "flat")
    assert (second["instance_name"], second["last_database_count"], second["month_change_percent"]) == (
        "grown",
        "3",
        "25.00",
    )
    assert "s3cret" not in text and not {"password", "tls_ca"} & first.keys()


def test_names_that_are_markup_are_shown_as_text(admin_client):
    hostile = make_instance('<img src=x onerror=alert(1)>"', db_type="oracle")
    add_day(hostile, today(), 1)
    page = admin_client.get(URL)
    assert "<img src=x" not in page.content.decode()
    assert "<img src=x onerror=alert(1)>" in words(page)


def test_it_costs_the_same_for_three_instances_and_for_sixty(admin_client):
    def cost(query):
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(URL, query).status_code == 200
        return len(queries)

    def add(count):
        for _number in range(count):
            instance = make_instance()
            for day in (0, 7, 30):
                add_day(instance, days_ago(day), 100)

    add(3)
    few = [cost({}), cost({"o": "-6"}), cost({"q": "pg"})]
    add(57)
    assert [cost({}), cost({"o": "-6"}), cost({"q": "pg"})] == few
    assert max(few) <= 9


def test_only_the_days_of_the_rows_on_the_page_are_read(admin_client):
    for number in range(60):
        add_day(make_instance(f"pg-{number:02}"), today(), 1)
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(URL)
    [days] = [one["sql"] for one in queries if 'FROM "instance_size_stats" WHERE' in one["sql"]]
    assert len(re.search(r'"instance_id" IN \(([^)]*)\)', days)[1].split(",")) == 50


def test_a_moment_names_the_time_zone(admin_client, grown, settings):
    assert f"({settings.TIME_ZONE})" in admin_client.get(URL).content.decode()

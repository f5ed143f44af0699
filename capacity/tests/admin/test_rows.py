"""The lists of samples and rows: what they show, filter, export and cost."""

import csv
import json
from datetime import date
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from capacity.models import DatabaseSizeAggregation, DatabaseSizeStat, InstanceSizeAggregation
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, add_day, add_sample, aggregate, the
from sync_sessions.common.api import pagination

pytestmark = pytest.mark.django_db

DATABASES = reverse("admin:capacity_databasesizeaggregation_changelist")
INSTANCES = reverse("admin:capacity_instancesizeaggregation_changelist")
SAMPLES = reverse("admin:capacity_databasesizestat_changelist")
DAYS = reverse("admin:capacity_instancesizestat_changelist")
GIB = 2**30


def names(client, url, **filters):
    """The instances of the rows of a list, in its order."""
    page = client.get(url, {"period_type__exact": "weekly", **filters} if url in (DATABASES, INSTANCES) else filters)
    assert page.status_code == 200
    return [row.instance.name for row in page.context["cl"].result_list]


def text(client, url, **filters):
    return client.get(url, filters).content.decode().replace("\xa0", " ")


@pytest.fixture
def weeks():
    """Two weeks of "grown", which has 2 of the second's days, and one full week of "fresh"."""
    grown, fresh = make_instance("grown"), make_instance("fresh", db_type="mysql")
    add_both(grown, "2025-03-05", GIB)
    add_both(grown, "2025-03-10", 2 * GIB)
    add_both(grown, "2025-03-12", 2 * GIB)
    for day in range(10, 17):
        add_both(fresh, f"2025-03-{day}", 5 * GIB)
    for day in ("2025-03-05", "2025-03-12"):
        aggregate(the("weekly", day))
    return grown, fresh


def test_one_kind_of_period_is_shown_daily_at_first(admin_client, weeks):
    aggregate(the("daily", "2025-03-12"))
    for url in (DATABASES, INSTANCES):
        assert names(admin_client, url, period_type__exact="") == ["fresh", "grown"]
        assert names(admin_client, url, period_type__exact="nonsense") == ["fresh", "grown"]
        assert names(admin_client, url) == ["fresh", "grown", "grown"]
        assert names(admin_client, url, period_type__exact="monthly") == []


@pytest.mark.parametrize("url", [DATABASES, INSTANCES])
def test_rows_are_filtered_by_date_engine_instance_and_coverage(admin_client, weeks, url):
    grown, _fresh = weeks
    assert names(admin_client, url, period_start_from="2025-03-10") == ["fresh", "grown"]
    assert names(admin_client, url, period_start_to="2025-03-09") == ["grown"]
    assert names(admin_client, url, instance__db_type__exact="mysql") == ["fresh"]
    assert names(admin_client, url, instance__id__exact=grown.pk) == ["grown", "grown"]
    assert names(admin_client, url, coverage="low") == ["grown", "grown"]
    assert names(admin_client, url, q="fre") == ["fresh"]


@pytest.mark.parametrize(("language", "written"), [("en", "3/9/2025"), ("zh-hans", "2025/3/9")])
def test_a_day_is_written_as_the_readers_language_has_it(admin_client, weeks, language, written):
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    assert names(admin_client, DATABASES, period_start_to=written) == ["grown"]
    assert names(admin_client, DAYS, collected_on_from=written, collected_on_to=written) == []
    assert names(admin_client, SAMPLES, collected_on_from="2025-03-16", collected_on_to="2025-03-16") == ["fresh"]
    assert len(names(admin_client, DATABASES, period_start_to="nonsense")) == 3


def test_instance_rows_are_filtered_by_trend(admin_client, weeks):
    assert names(admin_client, INSTANCES, trend_direction__exact="growing") == ["grown"]
    assert names(admin_client, INSTANCES, trend_direction__exact="unknown") == ["fresh", "grown"]


@pytest.mark.parametrize(
    ("type", "day", "covered", "missing"),
    [
        ("daily", "2025-03-05", 1, False),
        ("monthly", "2024-02-05", 29, False),
        ("monthly", "2024-02-05", 28, True),
        ("quarterly", "2025-03-05", 90, False),
        ("quarterly", "2025-03-05", 89, True),
    ],
)
def test_days_are_missing_when_fewer_are_covered_than_the_calendar_has(type, day, covered, missing):
    instance = make_instance()
    add_both(instance, day, 1)
    aggregate(the(type, day))
    DatabaseSizeAggregation.objects.update(covered_days=covered)
    assert DatabaseSizeAggregation.objects.with_days_missing().exists() is missing


def test_samples_and_day_totals_are_filtered_by_date_and_instance(admin_client):
    one, two = make_instance("one"), make_instance("two", db_type="mysql")
    for instance, day in ((one, "2025-03-05"), (two, "2025-03-06")):
        add_sample(instance, "app", day, 1)
        add_day(instance, day, 1)
    for url in (SAMPLES, DAYS):
        assert names(admin_client, url) == ["two", "one"]
        assert names(admin_client, url, collected_on_to="2025-03-05") == ["one"]
        assert names(admin_client, url, instance__id__exact=two.pk) == ["two"]
        assert names(admin_client, url, instance__db_type__exact="postgresql") == ["one"]


def test_a_database_is_searched_within_an_instance_and_an_instance_over_all(admin_client):
    one, two = make_instance("app one"), make_instance("two")
    for instance in (one, two):
        add_sample(instance, "app", "2025-03-05", 1)
        add_sample(instance, "other", "2025-03-05", 1)
    assert names(admin_client, SAMPLES, q="one app") == ["app one", "app one"]
    assert names(admin_client, SAMPLES, q="app", instance__id__exact=two.pk) == ["two"]
    assert "To search for a database, choose its instance" in text(admin_client, SAMPLES, q="app")
    with CaptureQueriesContext(connection) as queries:
        names(admin_client, SAMPLES, q="nothing like it")
    read = [query["sql"] for query in queries if "database_size_stats" in query["sql"]]
    assert [sql for sql in read if "LIKE" in sql.upper()] == []


def test_coverage_and_growth_are_words_and_the_unknown_says_why(admin_client, weeks):
    page = text(admin_client, DATABASES, period_type__exact="weekly")
    for shown in ("2 of 7 days", "7 of 7 days", "1 of 7 days", "2.0 GiB", "+1.0 GiB", "+100.00 %"):
        assert shown in page
    assert page.count('title="No sample in the period before."') == 4  # change and percent of two rows
    assert "March 10, 2025 – March 16, 2025" in page


def test_a_percent_of_nothing_says_so(admin_client):
    instance = make_instance()
    add_sample(instance, "app", "2025-03-04", 0)
    add_sample(instance, "app", "2025-03-05", 100)
    aggregate(the("daily", "2025-03-05"))
    page = text(admin_client, DATABASES)
    assert "+100 B" in page
    assert page.count('title="The average of the period before was 0."') == 1


def test_the_page_of_a_row_is_readable_and_shows_its_history(admin_client, weeks):
    grown, _fresh = weeks
    row = DatabaseSizeAggregation.objects.get(instance=grown, period_start=date(2025, 3, 10))
    page = admin_client.get(reverse("admin:capacity_databasesizeaggregation_change", args=[row.pk]))
    html = page.content.decode().replace("\xa0", " ")
    for shown in ("grown", "Weekly", "2 of 7 days", "Smallest size", "+1.0 GiB", 'title="Not measured."'):
        assert shown in html
    assert "<input type=" not in html.split('id="content"')[1].replace('<input type="hidden"', "")
    history = json.loads(page.context["history"]["data"])
    assert history["labels"] == ["March 3, 2025", "March 10, 2025"]
    assert history["datasets"][0]["data"] == [1.0, 2.0]


def test_the_history_of_an_instance_row_ends_with_its_period(admin_client, weeks):
    row = InstanceSizeAggregation.objects.get(period_start=date(2025, 3, 3))
    page = admin_client.get(reverse("admin:capacity_instancesizeaggregation_change", args=[row.pk]))
    assert json.loads(page.context["history"]["data"])["datasets"][0]["data"] == [1.0]


def export(client, url, **filters):
    """The lines of the CSV, as cells."""
    answer = client.get(url + "export/", filters)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(b"".join(answer.streaming_content).decode().splitlines()))


def test_the_filtered_list_is_exported_in_its_order(admin_client, weeks):
    grown, fresh = weeks
    header, *rows = export(admin_client, DATABASES, period_type__exact="weekly", period_start_from="2025-03-10")
    assert header[:6] == ["id", "instance_id", "instance_name", "db_type", "tags", "period_type"]
    shown = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["instance_name"], row["avg_size_bytes"], row["covered_days"]) for row in shown] == [
        ("fresh", str(5 * GIB), "7"),
        ("grown", str(2 * GIB), "2"),
    ]
    assert (shown[0]["size_change_bytes"], shown[1]["size_change_bytes"]) == ("", str(GIB))
    assert len(export(admin_client, INSTANCES, period_type__exact="weekly", trend_direction__exact="growing")) == 2


def test_an_export_has_all_pages_and_no_formula(admin_client):
    instance = make_instance("=cmd|' /C calc'!A0")
    for number in range(60):
        add_sample(instance, f"+{number}", "2025-03-05", number)
    header, *rows = export(admin_client, SAMPLES)
    assert len(rows) == 60
    assert {row[header.index("instance_name")] for row in rows} == {"'=cmd|' /C calc'!A0"}
    assert all(row[header.index("database_name")].startswith("'+") for row in rows)


def test_the_list_links_to_the_export_with_its_filters(admin_client, weeks):
    page = text(admin_client, DATABASES, period_type__exact="weekly", coverage="low")
    assert f'href="{DATABASES}export/?coverage=low&amp;period_type__exact=weekly"' in page


def test_a_filter_that_is_none_leads_the_export_back_to_the_list(admin_client):
    answer = admin_client.get(SAMPLES + "export/", {"instance__id__exact": "x"})
    assert (answer.status_code, answer["Location"]) == (302, f"{SAMPLES}?e=1")


@pytest.mark.parametrize(
    "asked",
    [
        {"coverage": "nonsense"},
        {"period_start_from": "yesterday"},
        {"tag": "team:gone"},
        {"instance__id__exact": "99999"},
    ],
)
def test_what_the_list_would_leave_out_leads_the_export_back_to_it_where_it_is_told(admin_client, weeks, asked):
    answer = admin_client.get(DATABASES + "export/", asked, follow=True)
    assert answer.redirect_chain == [(f"{DATABASES}?{urlencode(asked)}", 302)]
    assert next(iter(asked.values())) in " ".join(str(one) for one in answer.context["messages"])


@pytest.mark.parametrize("url", [DATABASES, INSTANCES, SAMPLES, DAYS])
def test_a_list_costs_the_same_for_one_row_and_for_many(admin_client, url):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(url).status_code == 200
        return len(queries)

    def grow(number):
        for _one in range(number):
            add_both(make_instance(), "2025-03-05", 1)
        aggregate(the("daily", "2025-03-05"))

    grow(1)
    one = cost()
    grow(5)
    assert cost() == one
    assert one <= 6  # session, user, filters and messages none, one count and one page


def test_a_list_counts_no_further_than_its_bound(admin_client, monkeypatch):
    monkeypatch.setattr(pagination, "DEPTH", 2)
    instance = make_instance()
    for database in ("a", "b", "c"):
        add_sample(instance, database, "2025-03-05", 1)
    with CaptureQueriesContext(connection) as queries:
        page = admin_client.get(SAMPLES)
    html = page.content.decode()
    assert "There are more than 2: filter the list" in html
    assert ("3 results" in html, "3 samples" in html, "Show all" in html) == (False, False, False)
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert len(counts) == 1
    assert "LIMIT 3" in counts[0]


def test_the_newest_samples_come_first_without_a_sort(admin_client):
    add_sample(make_instance(), "app", "2025-03-05", 1)
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(SAMPLES)
    [page] = [query["sql"] for query in queries if '"size_bytes"' in query["sql"]]
    assert page.split("ORDER BY")[1].strip() == '"database_size_stats"."id" DESC'


def test_rows_are_seen_only_with_their_permission(client, django_user_model):
    user = django_user_model.objects.create_user("viewer", is_staff=True)
    client.force_login(user)
    for url in (DATABASES, INSTANCES, SAMPLES, DAYS):
        assert client.get(url).status_code == 403
        assert client.get(url + "export/").status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_databasesizestat"))
    assert client.get(SAMPLES).status_code == 200
    assert client.get(SAMPLES + "export/").status_code == 200
    assert DatabaseSizeStat.objects.count() == 0

"""The page of a database, of one that is gone, and the same part of an instance's page."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from capacity.admin.sizes.addresses import database_url
from capacity.collection.ingest import ingest
from capacity.insight.refresh import refresh
from capacity.models import CapacityLimit, DatabaseState, TableSizeSnapshot
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.samples import run, the

from .staff import words

pytestmark = pytest.mark.django_db

GIB = 2**30
TODAY = date(2025, 6, 30)


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning of Monday 30 June in Shanghai


@pytest.fixture
def instance():
    """crm grows by a GiB a day to 500 GiB and was 200 GiB larger until 10 May; old was last seen on 15 June."""
    one = make_instance("pg-1", db_type="sqlserver", host="db.example.com")
    rows = []
    for back in range(400):
        day = TODAY - timedelta(days=back)
        size = (500 - back + (200 if back > 50 else 0)) * GIB
        rows.append(
            a_sample(one, f"{day}T03:00:00+08:00", size, "crm", data_size_bytes=size - GIB, log_size_bytes=GIB)
        )
        if back >= 15:
            rows.append(a_sample(one, f"{day}T03:00:00+08:00", GIB, "old"))
    ingest(rows)
    CapacityLimit.objects.create(instance=one, database_name="crm", limit_bytes=600 * GIB, source="manual")
    refresh([one.pk], datetime(2025, 6, 30, tzinfo=UTC))
    run(the("monthly", "2025-05-10"))
    return one


def page_of(client, instance, name="crm", query=""):
    answer = client.get(f"{url_of(instance, name)}{query}")
    assert answer.status_code == 200
    return answer


def url_of(instance, name):
    state = DatabaseState.objects.get(instance=instance, database_name=name)
    return reverse("admin:capacity_databasestate_change", args=[state.pk])


def chart_of(answer):
    """{name of a line: its values} of the first chart of a page, and its labels."""
    found = re.search(r'data-value="([^"]*)"', answer.content.decode())
    data = json.loads(unescape(found[1]))
    return {one["label"]: one["data"] for one in data["datasets"]}, data["labels"]


def text_of(answer):
    return " ".join(re.sub(r"<[^>]*>", " ", unescape(answer.content.decode())).split())


def test_it_tells_how_large_it_is_where_it_goes_and_what_happened(admin_client, instance):
    text = text_of(page_of(admin_client, instance))
    assert "500.0 GiB data 499.0 GiB log 1.0 GiB" in text
    assert "+7.0 GiB +1.42 %" in text  # a week
    assert "+30.0 GiB +6.38 %" in text  # a month
    assert "+165.0 GiB +49.25 %" in text  # a year
    assert "Used 83 % of 600.0 GiB." in text
    assert re.search(r"Full (between|on) .*, most likely \d+ \w+", text)
    assert "taken out of the growth" in text
    assert "May 11, 2025 lost 31 %, 199.0 GiB; usual at most 0 B a day" in text
    assert "30 of the last 30 days have a sample." in text
    assert "May 1, 2025 – May 31, 2025" in text and "31 of 31 days" in text


def test_after_a_load_it_says_that_the_forecast_starts_from_the_mean_of_the_week(admin_client, instance):
    first = datetime(2025, 5, 20, 3, tzinfo=UTC)
    sizes = [100] * 40 + [200]
    ingest([a_sample(instance, first + timedelta(days=n), size * GIB, "stage") for n, size in enumerate(sizes)])
    refresh([instance.pk], datetime(2025, 6, 30, tzinfo=UTC))
    text = text_of(page_of(admin_client, instance, "stage"))
    assert "starts from the last one, 114.3 GiB, not from the 200.0 GiB of the last day." in text
    assert "starts from the last one" not in text_of(page_of(admin_client, instance))


def test_a_limit_that_came_after_the_forecast_is_not_denied(admin_client, instance):
    CapacityLimit.objects.all().delete()
    refresh([instance.pk], datetime(2025, 6, 30, tzinfo=UTC))
    assert "No date: no limit is known" in text_of(page_of(admin_client, instance))
    CapacityLimit.objects.create(instance=instance, database_name="crm", limit_bytes=600 * GIB, source="manual")
    text = text_of(page_of(admin_client, instance))
    assert "No date yet: the limit came after this forecast, the next one has it." in text
    assert "no limit is known" not in text


def test_the_chart_goes_on_with_the_forecast_its_range_and_the_limit(admin_client, instance):
    lines, labels = chart_of(page_of(admin_client, instance))
    assert len(labels) == 90 + 90
    assert lines["Size"][89] == lines["Expected"][89] == 500
    assert lines["Size"][90:] == [None] * 90
    assert lines["Expected"][-1] > 550
    low, high = lines["At least (four of five cases)"], lines["At most (four of five cases)"]
    assert low[-1] < lines["Expected"][-1] < high[-1]
    assert lines["Limit"] == [600] * 180
    assert (lines["Data"][89], lines["Log"][89]) == (499, 1)
    assert [value for value in lines["Drop"] if value] == [450]


@pytest.mark.parametrize(
    ("query", "steps", "first"),
    [
        ("?range=365", 79, "July 1, 2024"),  # 53 weeks and those of the 180 days ahead
        ("?range=all", 19, "May 2024"),
        ("?range=365&step=daily", 365 + 180, "July 1, 2024"),
        ("?range=nonsense&step=never", 180, "April 2, 2025"),
    ],
)
def test_range_and_step_are_chosen(admin_client, instance, query, steps, first):
    _lines, labels = chart_of(page_of(admin_client, instance, query=query))
    assert (labels[0], abs(len(labels) - steps) <= 1) == (first, True)


def test_of_a_database_that_is_gone_it_says_so_and_shows_what_it_was(admin_client, instance):
    answer = page_of(admin_client, instance, "old")
    text = text_of(answer)
    assert "This database is gone: its last sample is of June 15, 2025, while its instance was measured until" in text
    assert "No forecast" in text
    assert "June 16, 2025 vanished; its last size was 1.0 GiB" in text
    assert chart_of(answer)[0]["Size"][0] == 1


def test_it_costs_as_many_queries_whatever_the_history_and_the_neighbours(admin_client, instance):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            page_of(admin_client, instance)
        return len(queries)

    before = cost()
    ingest([a_sample(instance, "2025-06-30T04:00:00+08:00", 1, f"n{number}") for number in range(50)])
    assert cost() == before


def test_the_largest_tables_of_the_last_snapshot_are_on_it(admin_client, instance):
    tables = [{"table": "public.orders", "size_bytes": 3 * GIB}, {"others": 7, "size_bytes": GIB}]
    at = datetime(2025, 6, 29, tzinfo=UTC)
    TableSizeSnapshot.objects.create(
        instance=instance, database_name="crm", taken_at=at, tables=tables, total_bytes=4 * GIB
    )
    answer = page_of(admin_client, instance)
    assert "public.orders 3.0 GiB" in text_of(answer)
    address = reverse("admin:capacity_instance_largest_tables", args=[instance.pk])
    assert f'href="{address}?database=crm"' in answer.content.decode()


def test_its_address_by_name_leads_to_it_and_without_samples_to_the_instance(admin_client, instance):
    assert admin_client.get(database_url(instance.pk, "crm")).url == url_of(instance, "crm")
    answer = admin_client.get(database_url(instance.pk, "never"), follow=True)
    assert answer.redirect_chain[0][0] == reverse("admin:capacity_instance_change", args=[instance.pk])
    assert "The database never has no samples any more." in text_of(answer)


def test_who_may_not_see_samples_is_refused(staff_client, instance):
    assert staff_client("view_instance").get(url_of(instance, "crm")).status_code == 403
    assert staff_client("view_databasesizestat").get(url_of(instance, "crm")).status_code == 200


def test_an_instance_has_the_same_and_its_databases_lead_to_theirs(admin_client, instance):
    answer = admin_client.get(reverse("admin:capacity_instance_change", args=[instance.pk]))
    assert chart_of(answer)[0]["Size"][89] == 500
    assert f'href="{url_of(instance, "crm")}"' in answer.content.decode()
    assert "Change in a year +164.0 GiB" in text_of(answer)


@pytest.mark.parametrize("model", ["databasesizestat", "databasesizeaggregation"])
def test_lists_that_name_a_database_lead_to_it(admin_client, instance, model):
    run(the("daily", "2025-06-29"))
    query = {"instance__id__exact": instance.pk, "q": "crm"}
    html = admin_client.get(reverse(f"admin:capacity_{model}_changelist"), query).content.decode()
    assert f'href="{database_url(instance.pk, "crm")}"' in html


def test_of_a_database_that_nobody_has_looked_at_nothing_is_said_to_have_never_happened(admin_client, instance):
    ingest([a_sample(instance, "2025-06-30T05:00:00+08:00", GIB, "new")])
    said = words(page_of(admin_client, instance, "new"))
    assert "Nobody has looked yet" in said
    assert "Nothing: it never" not in said
    refresh([instance.pk], datetime(2025, 6, 30, tzinfo=UTC))
    assert "Nobody has looked yet" not in words(page_of(admin_client, instance, "new"))

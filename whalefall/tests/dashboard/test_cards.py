"""What the cards of the dashboard show."""

import json
from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from capacity.models import Instance
from capacity.periods import PERIODS
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, add_day, aggregate, make_fleet, mark, run, the
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service
from whalefall.tests.dashboard.runs import failing

pytestmark = pytest.mark.django_db
GIB = 2**30
COLLECT_FLEET = reverse("admin:capacity_instance_collect_fleet")
AGGREGATE_FLEET = reverse("admin:capacity_instance_aggregate_fleet")


def figures(page):
    """{title: (value, aside, note)} of the row on top."""
    return {one["title"]: (str(one["value"]), one.get("aside"), one["note"]) for one in page["fleet"]}


def test_an_empty_database_says_in_each_card_what_to_do_first(dashboard):
    page = dashboard()

    assert page["text"].count("No active instance yet: add one, or import samples and have their instances made.") == 4
    assert page["html"].count(f'href="{reverse("admin:capacity_instance_add")}"') == 4
    assert page["text"].count("manage.py import_samples FILE.csv --create-instances") == 4
    assert page["text"].count("never ran") == len(PERIODS) + 3  # and collection, forecasts, largest tables
    assert figures(page)["Instances"] == ("0", None, "")
    assert "0 B" not in page["text"]


def test_instances_without_a_sample_lead_to_collecting(dashboard):
    make_instance("a")
    page = dashboard()
    assert page["text"].count("No sample yet: collect from the instances, or import samples that you have.") == 4
    # In those four, and where nothing has run yet.
    assert page["html"].count(f'href="{COLLECT_FLEET}"') == 5
    # There, and instead of the chart.
    assert page["html"].count(f'href="{AGGREGATE_FLEET}"') == 2


def test_the_fleet_is_not_run_by_who_may_not_nor_when_it_is_empty(dashboard, staff_client):
    for page in (dashboard(), dashboard(client=staff_client("view_instance", "view_syncsession"))):
        assert COLLECT_FLEET not in page["html"] and AGGREGATE_FLEET not in page["html"]
        make_instance()


def test_who_may_not_add_instances_gets_no_link_to_do_it(dashboard, staff_client):
    page = dashboard(client=staff_client("view_instance"))
    assert "No active instance yet" in page["text"]
    assert reverse("admin:capacity_instance_add") not in page["html"]


def test_the_figures_on_top(dashboard):
    old, new = make_instance(), make_instance()
    add_day(old, "2025-05-31", 10 * GIB, databases=1)
    add_day(old, "2025-06-23", 20 * GIB, databases=1)
    add_day(old, "2025-06-30", 15 * GIB, databases=3)
    add_day(new, "2025-06-30", 1 * GIB, databases=2)
    make_instance(is_active=False)

    left_out = "1 instance compared; 1 without a sample now or then left out"
    assert figures(dashboard()) == {
        "Fleet size": ("16.0 GiB", None, "latest sizes of 2 instances"),
        "Change in 7 days": ("-5.0 GiB", "-25.00 %", left_out),
        "Change in 30 days": ("+5.0 GiB", "+50.00 %", left_out),
        "Instances": ("2", None, "and 1 inactive one"),
        "Databases": ("5", None, "on the last day each instance was measured"),
    }


def test_an_unknown_change_is_a_dash_that_says_why(dashboard):
    add_day(make_instance(), "2025-06-30", GIB)
    page = dashboard()
    value, aside, note = figures(page)["Change in 7 days"]
    assert ">–<" in value
    assert "No active instance has both a sample of the last 3 days and one 7 days before its last." in unescape(value)
    assert (aside, note) == (None, "needs samples that are 7 days apart")


def test_the_last_run_of_each_kind_with_status_and_age(dashboard):
    make_fleet(2, "2025-06-29")
    run(the("daily", "2025-06-29"))
    failing("capacity:collection", make_instance())
    SyncSession.objects.update(completed_at=timezone.now() - timedelta(hours=3))

    page = dashboard()

    assert "Daily Completed 2 done 3 hours ago June 29, 2025 Weekly never ran by schedule" in page["text"]
    assert "Collection Failed 1 failed 3 hours ago" in page["text"]
    assert page["html"].count('title="June 30, 2025, 3 a.m. (Asia/Shanghai)"') == 2
    for session in SyncSession.objects.all():
        assert reverse("admin:sync_sessions_syncsession_change", args=[session.pk]) in page["html"]


def test_what_runs_now_with_its_progress_and_what_waits(dashboard):
    instance = make_instance()
    session = sync_session_service.create_session(
        sync_type="manual_task",
        sync_category="aggregation",
        lock_key="aggregation:weekly",
        details={"period_type": "weekly"},
    )
    SyncSession.objects.filter(pk=session.pk).update(
        total_instances=60, successful_instances=10, skipped_instances=4, failed_instances=1
    )
    for type, day in (
        ("daily", "2025-06-27"),
        ("daily", "2025-06-28"),
        ("daily", "2025-06-29"),
        ("weekly", "2025-06-29"),
    ):
        mark(instance, the(type, day))

    page = dashboard()

    assert "Running Aggregation (Weekly) 15 of 60 ended" in page["text"]
    assert 'style="width: 25%"' in page["html"]
    assert reverse("admin:sync_sessions_syncsession_change", args=[session.pk]) in page["html"]
    oldest = "Daily June 27, 2025, Daily June 28, 2025, Daily June 29, 2025, …"
    assert f"4 complete periods have new samples; the next scheduled run computes them: {oldest}" in page["text"]


def test_a_run_by_hand_stands_beside_the_scheduled_one(dashboard, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    make_fleet(2, "2025-06-29")
    make_instance()
    run(the("daily", "2025-06-29"), sync_type="scheduled_task")
    sync_session_service.cancel_session(
        sync_session_service.create_session(
            sync_type="manual_task", sync_category="aggregation", lock_key="aggregation:daily"
        )
    )

    daily = dashboard()["runs"][0]

    assert (daily["run"]["status"], daily["run"]["counts"]) == ("Completed", "1 skipped, 2 done")
    assert daily["by_hand"]["status"] == "Cancelled"


def test_periods_that_no_schedule_computes_are_told_apart(dashboard, settings):
    settings.WHALEFALL_CATCH_UP_DAYS = 100
    mark(make_instance(), the("daily", "2025-01-01"))

    said = dashboard()["text"]

    assert "1 complete period has new samples and is more than 100 days old, so no schedule computes it: Daily" in said
    assert "the next scheduled run computes" not in said


def test_a_run_whose_process_is_gone_is_not_shown_as_running(dashboard):
    session = sync_session_service.create_session(sync_type="manual_task", sync_category="other", lock_key="other")
    SyncSession.objects.filter(pk=session.pk).update(heartbeat_at=timezone.now() - timedelta(days=9000))
    assert "No run is going on." in dashboard()["text"]
    session.refresh_from_db()
    assert (session.status, session.error_code) == ("failed", "abandoned")


def test_coverage_is_a_mark_per_day_with_its_numbers_in_words(dashboard):
    first, second = make_instance(), make_instance()
    for day in range(1, 31):
        add_day(first, f"2025-06-{day:02}", 1)
        if day not in (10, 30):
            add_day(second, f"2025-06-{day:02}", 1)

    coverage = dashboard()["coverage"]

    assert coverage["text"] == (
        "Today 1 of 2 active instances have a sample so far. On 28 of 30 days all that there were have one; "
        "the fewest on a day were 1 of 2."
    )
    assert len(coverage["marks"]) == 30
    assert coverage["marks"][0] == {
        "tooltip": "June 1, 2025: 2 of 2 instances (100 %)",
        "color": "bg-green-500",
        "class": "",
        "href": "",
    }
    assert coverage["marks"][9] == {
        "tooltip": "June 10, 2025: 1 of 2 instances (50 %)",
        "color": "bg-red-500",
        "class": "whalefall-few",
        "href": "/admin/capacity/instance/?missing=2025-06-10",
    }


def test_an_instance_counts_from_its_first_sample_or_its_creation_on(dashboard):
    old, new, never = make_instance("old"), make_instance("new"), make_instance("never")
    Instance.objects.filter(pk=never.pk).update(created_at="2025-06-28T15:59:59Z")  # the last second of that day
    for day in range(2, 31):
        add_day(old, f"2025-06-{day:02}", 1)
    add_day(new, "2025-06-30", 1)

    coverage = dashboard()["coverage"]

    assert [(day["count"], day["all"]) for day in coverage["days"]] == [(0, 0), *[(1, 1)] * 26, (1, 2), (1, 2), (2, 3)]
    assert coverage["text"] == (
        "Today 2 of 3 active instances have a sample so far. On 26 of 29 days all that there were have one; "
        "the fewest on a day were 1 of 2."
    )
    assert [mark["tooltip"] for mark in coverage["marks"][:2]] == [
        "June 1, 2025: no instance yet",
        "June 2, 2025: 1 of 1 instances (100 %)",
    ]


def test_a_day_on_which_nearly_all_have_a_sample_is_neither_full_nor_bad(dashboard):
    make_fleet(19, "2025-06-30")
    make_instance()
    last = dashboard()["coverage"]["marks"][-1]
    assert last == {
        "tooltip": "June 30, 2025: 19 of 20 instances (95 %)",
        "color": "bg-orange-400",
        "class": "whalefall-most",
        "href": "/admin/capacity/instance/?missing=2025-06-30",
    }


@pytest.fixture
def weeks():
    """An instance of 1 GiB, then 3 GiB, aggregated by days and by weeks."""
    instance = make_instance()
    for day, size in (("2025-06-22", GIB), ("2025-06-29", 3 * GIB)):
        add_both(instance, day, size)
        for type in ("daily", "weekly"):
            aggregate(the(type, day))


def test_the_chart_shows_the_fleet_over_time_in_one_unit(dashboard, weeks):
    chart = dashboard("?period=weekly")["history"]["chart"]

    data = json.loads(chart["data"])
    assert data["labels"] == ["June 16", "June 23"]
    assert data["datasets"][0]["data"] == [1.0, 3.0]
    assert json.loads(chart["options"])["scales"]["y"]["title"]["text"] == "GiB"
    assert chart["words"] == (
        "From 1.0 GiB (June 16, 2025 – June 22, 2025) to 3.0 GiB (June 23, 2025 – June 29, 2025)."
    )
    assert chart["rows"] == [
        {"period": "June 23, 2025 – June 29, 2025", "size": "3.0 GiB", "instances": 1},
        {"period": "June 16, 2025 – June 22, 2025", "size": "1.0 GiB", "instances": 1},
    ]


@pytest.mark.parametrize("query", ["", "?period=", "?period=yearly", "?period=daily"])
def test_the_chart_is_by_days_if_no_other_period_is_asked_for(dashboard, weeks, query):
    page = dashboard(query)
    assert [one["key"] for one in page["history"]["choices"] if one["chosen"]] == ["daily"]
    assert len(json.loads(page["history"]["chart"]["data"])["labels"]) == 8
    assert page["html"].count('aria-current="true"') == 1


@pytest.mark.parametrize("type", PERIODS)
def test_a_period_without_rows_says_how_to_make_them(dashboard, type):
    page = dashboard(f"?period={type}")
    assert page["history"]["chart"] is None
    assert "A schedule aggregates each" in page["text"]


def test_the_ten_largest_and_the_ten_that_grew_most(dashboard):
    for number in range(1, 13):
        instance = make_instance(f"i-{number:02}")
        add_day(instance, "2025-05-31", 100 * GIB)
        add_day(instance, "2025-06-30", (100 + number) * GIB)

    largest, fastest = dashboard()["tops"]

    assert [bar["name"] for bar in largest["bars"]] == [f"i-{number:02}" for number in range(12, 2, -1)]
    assert largest["bars"][0]["size"] == "112.0 GiB"
    assert [(bar["size"], bar["share"]) for bar in fastest["bars"][:2]] == [("+12.0 GiB", 100), ("+11.0 GiB", 91)]
    assert fastest["bars"][0]["url"] == reverse("admin:capacity_instance_change", args=[instance.pk])


def test_when_nothing_grew_the_card_says_so(dashboard):
    add_day(make_instance(), "2025-06-30", 1)
    assert "No instance has grown in 30 days, or none has samples that old." in dashboard()["text"]

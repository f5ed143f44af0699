"""`?tag=`: the dashboard of a part of the fleet."""

from datetime import date
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from capacity.models import AlertRule
from capacity.tests.alerts.factories import make_alert
from capacity.tests.factories import make_instance
from capacity.tests.outlooks import event_of, forecast_of, limit
from capacity.tests.samples import add_day, run, the
from whalefall.tests.dashboard.runs import failing

pytestmark = pytest.mark.django_db

GIB = 2**30


@pytest.fixture
def fleet():
    """{name: instance}: "shop" and "till" are of one team, "lake" is of another; each has one of everything."""
    teams = {"shop": ("team:shop", 3), "till": ("team:shop", 1), "lake": ("team:data", 50)}
    made = {name: make_instance(name, tags=[team]) for name, (team, _size) in teams.items()}
    for name, one in made.items():
        size = teams[name][1]
        add_day(one, "2025-05-30", size * GIB // 2)
        for day in ("2025-06-28", "2025-06-29"):
            if (name, day) != ("till", "2025-06-28"):
                add_day(one, day, size * GIB)
        event_of(one, "crm", date(2025, 6, 28))
        forecast_of(one, state="date", expected_on=date(2025, 9, 1))
        make_alert(instance=one)
    failing("capacity:collection", *made.values(), code="refused")
    for day in ("2025-06-28", "2025-06-29"):
        run(the("daily", day))
    return made


def test_every_figure_is_of_the_instances_with_the_tag(dashboard, fleet):
    AlertRule.objects.exclude(name="x").update(enabled=False)
    page = dashboard("?tag=team:shop")
    figures = {one["title"]: str(one["value"]) for one in page["fleet"]}
    assert figures["Fleet size"] == "4.0 GiB"
    assert figures["Change in 30 days"] == "+2.0 GiB"
    assert figures["Instances"] == "2"
    assert [row["name"] for row in page["changes"]["shown"]] == ["shop crm", "till crm"]
    assert [row["name"] for row in page["full_next"]["shown"]] == ["shop", "till"]
    assert [bar["name"] for bar in page["tops"][0]["bars"]] == ["shop", "till"]
    assert [row["size"] for row in page["history"]["chart"]["rows"]] == ["4.0 GiB", "3.0 GiB"]
    assert page["coverage"]["marks"][-3]["tooltip"] == "June 28, 2025: 1 of 2 instances (50 %)"
    told = {line["text"]: line.get("count") for line in page["attention"]["shown"]}
    assert told["2 alerts are open."] is None
    assert told["Collection: The server refuses connections."] == 2
    assert "lake" not in page["text"]


def test_without_a_tag_it_is_of_the_whole_fleet(dashboard, fleet):
    figures = {one["title"]: str(one["value"]) for one in dashboard()["fleet"]}
    assert (figures["Fleet size"], figures["Instances"]) == ("54.0 GiB", "3")


def test_what_it_leads_to_is_filtered_by_the_tag_too(dashboard, fleet, admin_client):
    page = dashboard("?tag=team:shop")
    leads = [line["more"] for line in page["attention"]["shown"] if line.get("more")]
    leads += [page["changes"]["all"], page["full_next"]["all"], page["coverage"]["marks"][-3]["href"]]
    assert len(leads) >= 5
    for url in leads:
        rows = list(admin_client.get(url).context["cl"].result_list)
        names = {row.name if hasattr(row, "name") else row.instance.name for row in rows}
        assert names
        assert names <= {"shop", "till"}, url


def test_a_tag_is_chosen_by_a_form_or_a_table_and_given_up_by_a_link(dashboard, fleet):
    page = dashboard("?period=weekly")
    assert '<option value="team:data"' in page["html"]
    assert '<input type="hidden" name="period" value="weekly">' in page["html"]
    assert "Show the whole fleet" not in page["text"]
    assert [row["url"] for row in page["groups"][1]["rows"]] == ["?tag=team%3Adata", "?tag=team%3Ashop"]
    chosen = dashboard("?period=weekly&tag=team:shop")
    assert '<option value="team:shop" selected>' in chosen["html"]
    assert "Only instances with the tag team:shop." in chosen["text"]
    assert chosen["filter"]["whole"] == "?period=weekly"
    assert "?period=monthly&tag=team%3Ashop#chart" in unescape(chosen["html"])


def test_two_tags_are_either_of_them(dashboard, fleet):
    page = dashboard("?tag=team:shop&tag=team:data")
    assert {one["title"]: str(one["value"]) for one in page["fleet"]}["Instances"] == "3"


def test_a_tag_that_nobody_has_says_so_and_leads_back(dashboard, fleet):
    page = dashboard("?tag=nobody")
    assert "No active instance has the tag nobody." in page["text"]
    assert f'href="{reverse("admin:index")}"' in page["html"]
    assert page["changes"]["shown"] == page["full_next"]["shown"] == []


def test_without_any_tag_there_is_nothing_to_choose(dashboard):
    make_instance("a")
    page = dashboard()
    assert page["filter"] is None
    assert "dashboard-tag" not in page["html"]


def test_a_volume_is_of_a_tag_when_one_that_shares_it_is(dashboard, fleet):
    limit(fleet["shop"], 10, shared_key="D:")
    limit(fleet["lake"], 10, shared_key="E:")
    for key in ("D:", "E:"):
        forecast_of(None, level="volume", shared_key=key, state="date", expected_on=date(2025, 7, 1))
    names = [row["name"] for row in dashboard("?tag=team:shop")["full_next"]["shown"]]
    assert names == ["Volume: D:", "shop", "till"]


def test_of_several_tags_any_is_enough_and_the_page_says_so(dashboard, fleet):
    assert "Only instances with the tag team:shop or team:data." in dashboard("?tag=team:shop&tag=team:data")["text"]


@pytest.mark.parametrize(("query", "told"), [("?tag=team:shop", False), ("?tag=team:shop&tag=gone", True)])
def test_a_tag_that_no_instance_has_is_told(dashboard, fleet, query, told):
    assert ("No instance has the tag gone." in dashboard(query)["html"]) is told


def test_a_tag_costs_no_query(dashboard, fleet):
    counts = []
    for query in ("", "?tag=team:shop"):
        dashboard(query)
        with CaptureQueriesContext(connection) as queries:
            dashboard(query)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[1] <= 17  # two for the last run that failed

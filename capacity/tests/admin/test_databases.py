"""The list of databases: what a row says, its order and filters, and what it costs."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from capacity.models import DatabaseState
from capacity.periods import today
from capacity.tests.outlooks import forecast_of, limit, make_stories

from .staff import logged_in

pytestmark = pytest.mark.django_db

URL = reverse("admin:capacity_databasestate_changelist")


@pytest.fixture
def stories():
    return make_stories()


def names(page):
    return [row.database_name for row in page.context["cl"].result_list]


def row(page, name):
    """{column: its text} of the row of that database."""
    rows = re.findall(r"<tr class=\"data-row.*?</tr>", page.content.decode(), re.S)
    [html] = [one for one in rows if f">{name}<" in re.sub(r"\s+<", "<", one)]
    cells = re.findall(r'<t[hd] class="field-(\w+)[^>]*>(.*?)</t[hd]>', html, re.S)
    return {column: " ".join(re.sub(r"<[^>]*>", " ", cell).split()) for column, cell in cells}


def sorted_by(client, column, **query):
    """The names in the order that the header of that column leads to."""
    headers = client.get(URL, query).context["cl"].list_display[1:]
    index = [getattr(one, "__name__", one) for one in headers].index(column) + 1
    return names(client.get(URL, {**query, "o": f"-{index}"})), names(client.get(URL, {**query, "o": index}))


def test_those_that_are_there_the_largest_first(admin_client, stories):
    assert names(admin_client.get(URL)) == ["sales", "audit", "app", "new"]
    assert names(admin_client.get(URL, {"presence": "all"})) == ["sales", "old", "audit", "app", "new"]


def test_a_row_says_how_large_it_is_how_it_grows_and_where_it_goes(admin_client, stories):
    limit(stories["a"], 200, "sales")
    forecast_of(stories["a"], "sales", "date", expected_on=today() + timedelta(days=60))
    said = row(admin_client.get(URL), "sales")
    assert said.pop("outlook").startswith("full on ")
    assert said.pop("full") not in ("–", "")
    assert said == {
        "database": "sales",
        "server": "a",
        "last_size_bytes": "130.0 GiB",
        "week_change_bytes": "+30.0 GiB",
        "week_change_percent": "+30.00 %",
        "month_change_bytes": "+30.0 GiB",
        "month_change_percent": "+30.00 %",
        "used_percent": "65 %",
    }
    without = row(admin_client.get(URL), "audit")
    assert [without[name] for name in ("used_percent", "full", "outlook")] == ["–"] * 3


def test_a_volume_is_used_by_all_that_share_it(admin_client, stories):
    limit(stories["a"], 200, "sales", "volume", "D:")
    limit(stories["b"], 200, "app", "volume", "D:")
    page = admin_client.get(URL)
    assert row(page, "sales")["used_percent"] == row(page, "app")["used_percent"] == "70 %"
    assert "used 70 % of 200.0 GiB (volume D:, shared by 2 databases)" in page.content.decode()


def test_it_is_sorted_by_each_figure_and_what_is_unknown_comes_last(admin_client, stories):
    limit(stories["a"], 200, "sales")
    limit(stories["b"], 11, "app")
    for database, days in [("sales", 9), ("audit", 3)]:
        forecast_of(stories["a"], database, "date", expected_on=today() + timedelta(days=days))
    forecast_of(stories["b"], "app", "over")
    known = {
        "last_size_bytes": ["sales", "audit", "app", "new"],
        "week_change_bytes": ["sales", "app", "audit"],
        "month_change_percent": ["sales", "app", "audit"],
        "used_percent": ["app", "sales"],
        "full": ["sales", "audit", "app"],
    }
    for column, largest_first in known.items():
        down, up = sorted_by(admin_client, column)
        assert down[: len(largest_first)] == largest_first, column
        assert up[: len(largest_first)] == largest_first[::-1], column


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"tag": "prod"}, ["app"]),
        ({"instance__db_type__exact": "postgresql"}, ["sales", "audit", "new"]),
        ({"presence": "new-7"}, ["new"]),
        ({"presence": "gone"}, ["old"]),
        ({"presence": "gone-30"}, ["old"]),
        ({"presence": "gone-7"}, []),
        ({"month_change_percent_to": "-20"}, ["audit"]),
        ({"week_change_percent_from": "20"}, ["sales"]),
        ({"month_change_percent_to": "NaN"}, ["sales", "audit", "app", "new"]),
        ({"forecast": "flat"}, ["app"]),
        ({"q": "AUD"}, ["audit"]),
        ({"q": "b"}, ["app"]),
    ],
)
def test_it_is_filtered(admin_client, stories, query, found):
    forecast_of(stories["b"], "app", "flat")
    assert names(admin_client.get(URL, query)) == found


def test_it_costs_the_same_however_many_rows(admin_client, stories):
    limit(stories["a"], 200, "sales", "volume", "D:")

    def queries():
        with CaptureQueriesContext(connection) as asked:
            admin_client.get(URL)
        return len(asked)

    few = queries()
    state = DatabaseState.objects.get(database_name="app")
    for number in range(30):
        state.pk, state.database_name = None, f"app-{number}"
        state.save()
        limit(stories["b"], 100, f"app-{number}", "volume", "D:")
    assert queries() == few


def test_it_is_exported_as_filtered(admin_client, stories):
    answer = admin_client.get(reverse("admin:capacity_databasestate_export"), {"tag": "prod"})
    [line] = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode()))
    assert (line["database_name"], line["instance_name"], line["tags"]) == ("app", "b", "prod")


def test_who_may_see_samples_may_see_it_and_nobody_changes_it(stories):
    client = logged_in("view_databasesizestat")
    assert client.get(URL).status_code == 200
    page = reverse("admin:capacity_databasestate_change", args=[DatabaseState.objects.first().pk])
    assert client.post(page, {}).status_code == 403
    assert logged_in("view_instance").get(URL).status_code == 403


def test_the_export_has_limit_use_and_forecast_after_its_other_columns(admin_client, stories):
    limit(stories["a"], 260, "sales")
    limit(stories["a"], 20, "audit")
    forecast_of(stories["a"], "sales", "date", expected_on=today() + timedelta(days=30))
    forecast_of(stories["a"], "audit", "over")
    answer = admin_client.get(reverse("admin:capacity_databasestate_export"), {"o": "-last_size_bytes"})
    lines = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode()))
    added = ["limit_bytes", "used_percent", "forecast_state", "full_on"]
    found = sorted([line["database_name"], *(line[name] for name in added)] for line in lines)
    assert lines.fieldnames[-4:] == added
    assert found == [
        ["app", "", "", "", ""],
        ["audit", str(20 * 2**30), "150.00", "over", str(today())],
        ["new", "", "", "", ""],
        ["sales", str(260 * 2**30), "50.00", "date", str(today() + timedelta(days=30))],
    ]

"""Tags: what is one, and what runs, totals and files do with them."""

import csv
import io

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from capacity.insight.csv_export import write_rows
from capacity.insight.fleet import GroupTotal, read_fleet
from capacity.inventory.selection import Selection, UnknownTag
from capacity.inventory.tags import tag_names
from capacity.models import DatabaseState, Tag
from capacity.periods import today
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, the
from sync_sessions.models import SyncSession

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "name", ["prod", "team:billing", "team:data platform", "团队:账务", "env:eu-west-1", "a/b.c+d_e@f"]
)
def test_a_tag_is_a_word_or_a_key_with_a_value(name):
    Tag(name=name).full_clean()


@pytest.mark.parametrize(
    "name", ["", " ", "a,b", "team:", ":billing", "a:b:c", "x\n", "x ", " x", "tab\there", "zero\u200bwidth", "x" * 61]
)
def test_anything_else_is_not(name):
    with pytest.raises(ValidationError):
        Tag(name=name).full_clean()


@pytest.fixture
def fleet():
    """Three instances of 100, 200 and 400 bytes, an inactive one, and tags."""
    made = {
        "a": make_instance("a", tags=["team:billing", "prod"]),
        "b": make_instance("b", tags=["team:shop"], db_type="mysql"),
        "c": make_instance("c"),
        "off": make_instance("off", tags=["team:shop"], is_active=False),
    }
    for name, size in [("a", 100), ("b", 200), ("c", 400)]:
        add_both(made[name], today(), size)
    return made


def test_a_selection_by_tags_is_those_of_the_fleet_that_have_one(fleet):
    def names(*tags):
        return [one.name for one in Selection.tagged(tags).instances()]

    assert names("team:shop") == ["b"]
    assert names("team:shop", "prod", "team:billing") == ["a", "b"]
    assert Selection.tagged([]).is_fleet
    with pytest.raises(UnknownTag, match=r"There is no tag named nope\."):
        names("team:shop", "nope")


def test_the_command_runs_those_with_a_tag_and_the_session_says_which(fleet):
    call_command("aggregate", "--period", "daily", "--current", "--tag", "team:shop", "prod")
    session = SyncSession.objects.get()
    assert [record.instance_name for record in session.records.order_by("pk")] == ["a", "b"]
    assert (session.sync_type, session.selected) == ("manual_batch", 2)
    assert session.details["tags"] == ["team:shop", "prod"]


@pytest.mark.parametrize("command", ["aggregate", "collect"])
def test_a_command_refuses_a_tag_that_there_is_not(fleet, command):
    with pytest.raises(CommandError, match="There is no tag named nope"):
        call_command(command, "--tag", "nope")
    assert not SyncSession.objects.exists()


def test_instances_and_tags_are_not_named_together(fleet):
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("collect", "--tag", "prod", "--instance", "a")


def test_totals_by_tag_key_and_by_engine(fleet):
    totals = read_fleet(today()).by_tag_key(tag_names())
    assert totals == {
        "": [GroupTotal("prod", 1, 1, 100, None), GroupTotal("", 2, 2, 600, None)],
        "team": [
            GroupTotal("team:shop", 1, 1, 200, None),
            GroupTotal("team:billing", 1, 1, 100, None),
            GroupTotal("", 1, 1, 400, None),
        ],
    }
    engines = read_fleet(today()).by_engine()
    assert [(total.name, total.bytes) for total in engines] == [("postgresql", 500), ("mysql", 200)]


def test_the_fleet_of_a_tag(fleet):
    assert [one.name for one in read_fleet(today(), ["team:shop"]).instances] == ["b"]


def test_a_file_of_rows_has_the_tags_of_their_instance(fleet):
    rows = csv.DictReader(io.StringIO("".join(write_rows(DatabaseState.objects.order_by("instance__name")))))
    assert {row["instance_name"]: row["tags"] for row in rows} == {"a": "prod,team:billing", "b": "team:shop", "c": ""}


def test_the_api_runs_those_with_a_tag(fleet, client_with):
    api = client_with("trigger_aggregation")
    url, week = "/api/v1/capacity/aggregations/runs/", the("weekly", str(today()))
    body = {"periods": ["weekly"], "from": str(week.start), "to": str(week.end)}
    assert api.post(url, {**body, "tags": ["team:shop"]}).status_code == 200
    assert SyncSession.objects.get().details["tags"] == ["team:shop"]
    for wrong, code in [
        ({"tags": ["nope"]}, "does_not_exist"),
        ({"tags": []}, "empty"),
        ({"tags": ["prod"], "instances": ["a"]}, "both"),
        ({"tags": "prod"}, "not_a_list"),
        ({"tags": [7]}, "invalid"),
    ]:
        answer = api.post(url, {**body, **wrong})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code), wrong


def test_the_lists_of_the_api_are_filtered_by_tag(fleet, client_with):
    api = client_with("view_instance", "view_databasesizeaggregation")
    call_command("aggregate", "--period", "daily", "--current")
    names = [one["name"] for one in api.get("/api/v1/instances/?tag=team:shop&tag=prod").json()["results"]]
    assert names == ["a", "b", "off"]
    rows = api.get("/api/v1/capacity/aggregations/databases/?tag=prod").json()["results"]
    assert [row["instance"]["name"] for row in rows] == ["a"]
    assert api.get("/api/v1/instances/?tag=").status_code == 400

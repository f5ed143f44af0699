"""The report of a month, through the command, the page and the API."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import translation

from capacity.collection.ingest import ingest
from capacity.insight.refresh import refresh
from capacity.models import CapacityLimit, Tag
from capacity.tests.admin.staff import words
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.samples import run, the

pytestmark = pytest.mark.django_db

GIB = 2**30
REPORT = "/api/v1/capacity/report/"


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to("2025-07-01T01:00:00Z", tick=False)  # nine in the morning of 1 July in Shanghai


@pytest.fixture
def fleet():
    """pg-1: crm grows by a GiB a day to 500 and is limited to 530, gone was there until 10 June, new came on the 20th.

    my-1, tagged team:web, has 10 GiB and lacks 29 June.
    """
    one, other = make_instance("pg-1"), make_instance("my-1", db_type="mysql")
    make_instance("never")
    other.tags.add(Tag.objects.create(name="team:web"))
    rows = []
    for back in range(120):
        day = date(2025, 6, 30) - timedelta(days=back)
        at = f"{day}T03:00:00+08:00"
        rows.append(a_sample(one, at, (500 - back) * GIB, "crm"))
        if day <= date(2025, 6, 10):
            rows.append(a_sample(one, at, 20 * GIB, "gone"))
        if day >= date(2025, 6, 20):
            rows.append(a_sample(one, at, 5 * GIB, "new"))
        if back != 1:
            rows.append(a_sample(other, at, 10 * GIB, "shop"))
    ingest(rows)
    CapacityLimit.objects.create(instance=one, database_name="crm", limit_bytes=530 * GIB, source="manual")
    refresh([one.pk, other.pk], datetime(2025, 7, 1, tzinfo=UTC))
    run(the("monthly", "2025-06-10"))
    return one, other


@pytest.fixture
def api(client_with):
    return client_with("view_databasesizestat")


def report(**options):
    out = io.StringIO()
    call_command("report", stdout=out, json=True, **options)
    return json.loads(out.getvalue())


def test_the_headline_is_that_of_the_last_complete_month(fleet):
    found = report()
    assert (found["month"], found["is_complete"]) == ("2025-06", True)
    assert (found["instances_total"], found["instances_measured"], found["databases"]) == (3, 2, 3)
    assert found["size_bytes"] == 515 * GIB
    # 500 + 5 + 10 against 470 + 20 + 10 at the end of May
    assert found["month_change"] == {"bytes": 15 * GIB, "percent": 3.0, "compared": 2}
    assert found["year_change"] is None


def test_databases_are_those_of_the_end_and_their_change_is_against_the_end_before(fleet):
    found = report()
    assert [(one["database"], one["bytes"] // GIB, one["change_bytes"]) for one in found["largest"]] == [
        ("crm", 500, 30 * GIB),
        ("shop", 10, 0),
        ("new", 5, None),
    ]
    assert [one["database"] for one in found["grown"]] == ["crm"]
    assert found["shrunk"] == []


def test_what_happened_and_what_will_be_full_is_told(fleet):
    found = report()
    assert {(one["day"], one["database"], one["kind"]) for one in found["events"]} == {
        ("2025-06-20", "new", "appeared"),
        ("2025-06-11", "gone", "vanished"),
    }
    [soon] = found["full_soon"]
    assert (soon["database"], soon["state"], soon["limit_bytes"]) == ("crm", "date", 530 * GIB)
    assert "2025-07-20" < soon["expected_on"] < "2025-08-05"
    assert [one["days"] for one in found["ahead"]] == [90, 180, 365]
    assert found["ahead"][0]["low"] < found["ahead"][0]["bytes"] < found["ahead"][0]["high"]


def test_it_says_how_far_it_can_be_trusted(fleet):
    quality = report()["quality"]
    assert (quality["covered"], quality["expected"], quality["never"]) == (59, 60, ["never"])
    assert [(one["instance"], one["days"], one["of"]) for one in quality["lacking"]] == [("my-1", 1, 30)]


def test_what_was_measured_in_other_months_alone_was_measured(fleet):
    ingest([a_sample(make_instance("before"), "2025-05-20T03:00:00+08:00")])
    ingest([a_sample(make_instance("after"), "2025-07-01T03:00:00+08:00")])
    quality = report()["quality"]
    assert (quality["later"], quality["never"]) == (["after"], ["never"])
    assert {"instance": "before", "days": 30, "of": 30}.items() <= quality["lacking"][0].items()


def test_the_page_names_the_first_twenty_and_counts_the_rest(fleet, admin_client):
    at = "2025-07-01T03:00:00+08:00"
    ingest([a_sample(make_instance(f"after-{number:02}"), at) for number in range(22)])
    said = words(admin_client.get(reverse("admin:capacity_report"), {"month": "2025-06"}))
    assert "Measured for the first time after this month: after-00, after-01," in said
    assert "after-19, and 2 more. Never measured: never." in said


def test_a_tag_narrows_it(fleet):
    found = report(tag=["team:web"])
    assert (found["tags"], found["size_bytes"]) == (["team:web"], 10 * GIB)
    assert [one["instance"] for one in found["instances"]] == ["my-1"]
    assert found["instances"][0]["months"][-1] == 10 * GIB
    assert found["full_soon"] == [] and found["events"] == []


def test_the_running_month_is_told_so_far(fleet):
    ingest([a_sample(fleet[1], "2025-07-01T03:00:00+08:00", 12 * GIB, "shop")])
    found = report(month="2025-07")
    assert (found["is_complete"], found["size_bytes"], found["quality"]["expected"]) == (False, 12 * GIB, 2)
    assert found["month_change"] == {"bytes": 2 * GIB, "percent": 20.0, "compared": 1}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"month": "June"}, "'June' is no month: write it as 2025-03."),
        ({"month": "2025-13"}, "'2025-13' is no month: write it as 2025-03."),
        ({"tag": ["team:none"]}, "There is no tag named team:none."),
    ],
)
def test_what_it_does_not_understand_is_said(fleet, options, told):
    with pytest.raises(CommandError, match=told):
        report(**options)


def test_files_are_written_and_one_that_cannot_be_is_said(fleet, tmp_path):
    call_command("report", html=tmp_path / "r.html", csv=tmp_path / "r.csv", stdout=io.StringIO())
    assert "Capacity report of June 2025" in (tmp_path / "r.html").read_text()
    rows = list(csv.reader(io.StringIO((tmp_path / "r.csv").read_text())))
    assert rows[0] == ["month", "instance_id", "instance", "database", "bytes", "change_bytes", "change_percent"]
    assert [row[3] for row in rows[1:]] == ["crm", "shop", "new"]
    with pytest.raises(CommandError, match="cannot be written: No such file or directory."):
        call_command("report", html=tmp_path / "no" / "r.html", stdout=io.StringIO())


def test_of_a_month_without_samples_it_says_so_and_writes_nothing(fleet, tmp_path):
    out = io.StringIO()
    with pytest.raises(CommandError, match="No instance has a sample in this month."):
        call_command("report", month="2020-01", html=tmp_path / "r.html", stdout=out)
    assert (out.getvalue(), list(tmp_path.iterdir())) == ("", [])


def test_the_page_says_of_days_with_samples_what_is_true_alone(fleet, admin_client):
    url, every_day = reverse("admin:capacity_report"), "has a sample of every day"
    said = words(admin_client.get(url, {"month": "2020-01"}))
    assert "No instance has a sample in this month." in said and every_day not in said
    assert every_day not in words(admin_client.get(url, {"month": "2025-06"}))  # my-1 lacks a day
    said = words(admin_client.get(url, {"month": "2025-05"}))  # and nobody ever measured "never"
    assert "Every instance that was measured has a sample of every day since its first one. Never measured: n" in said


def test_people_get_the_engines_by_their_names(fleet):
    out = io.StringIO()
    call_command("report", stdout=out)
    assert "PostgreSQL" in out.getvalue() and "postgresql" not in out.getvalue()


def test_the_api_gives_the_same_as_json_page_and_file(api, fleet):
    assert api.get(REPORT, {"month": "2025-06"}).json() == report()
    page = api.get(REPORT, {"format": "html", "tag": "team:web"})
    assert page["Content-Type"].startswith("text/html") and b"my-1" in page.content and b"pg-1" not in page.content
    assert api.get(REPORT, {"format": "csv"}).content.count(b"\r\n") == 4
    for query in ({"month": "x"}, {"tag": "none"}, {"format": "pdf"}, {"day": "1"}):
        answer = api.get(REPORT, query)
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, next(iter(query)))


def test_the_page_has_a_bar_that_the_file_has_not_and_says_what_is_wrong(admin_client, fleet, tmp_path):
    url = reverse("admin:capacity_report")
    html = admin_client.get(url, {"month": "2025-06", "tag": "team:web"}).content.decode()
    assert "<option selected>team:web</option>" in html and 'value="2025-06"' in html
    assert "no month" in admin_client.get(url, {"month": "x"}).content.decode()
    assert admin_client.get(url, {"format": "csv"})["Content-Disposition"].endswith('"capacity-2025-06.csv"')
    call_command("report", html=tmp_path / "r.html", stdout=io.StringIO())
    assert "<form" not in (tmp_path / "r.html").read_text()


def test_it_speaks_chinese(admin_client, fleet):
    with translation.override("zh-hans"):
        html = admin_client.get(reverse("admin:capacity_report"), headers={"Accept-Language": "zh-hans"}).content
    assert "2025年6月" in html.decode() and 'lang="zh-hans"' in html.decode()


def test_who_may_not_see_samples_is_refused(staff_client):
    assert staff_client("view_instance").get(reverse("admin:capacity_report")).status_code == 403


def test_it_costs_as_many_queries_whatever_the_fleet(api, fleet, django_assert_max_num_queries):
    ingest([a_sample(make_instance(), "2025-06-30T03:00:00+08:00", 1, "x") for _number in range(20)])
    with django_assert_max_num_queries(30):
        assert api.get(REPORT).status_code == 200

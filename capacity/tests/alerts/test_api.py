"""Alerts over the API: read, acknowledged once, silenced until a moment."""

from datetime import UTC, datetime

import pytest
import time_machine

from capacity.models import Alert
from capacity.tests.factories import make_instance

from .factories import make_alert, make_rule

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
ALERTS = "/api/v1/alerts/"


@pytest.fixture
def reader(client_with):
    return client_with("view_alert")


@pytest.fixture
def answerer(client_with):
    return client_with("view_alert", "change_alert")


def test_an_alert_says_what_is_wrong_in_a_sentence_and_in_facts(reader):
    alert = make_alert(make_rule(name="large"), opened_at=NOON)
    [found] = reader.get(ALERTS).json()["results"]
    assert found == {
        "id": alert.pk,
        "rule": "large",
        "kind": "size_over",
        "severity": "warning",
        "status": "open",
        "instance": None,
        "instance_name": "pg-1",
        "database_name": "orders",
        "title": "Size over: pg-1 orders",
        "text": "2.0 TiB, at or over 1.0 TiB.",
        "value": 2.0 * 2**40,
        "threshold_value": 2.0**40,
        "facts": {},
        "opened_at": "2026-03-02T12:00:00+08:00",
        "last_seen_on": "2026-03-02",
        "reopened": 0,
        "acknowledged_by": None,
        "acknowledged_at": None,
        "note": "",
        "silenced_until": None,
        "resolved_at": None,
    }


def test_alerts_are_filtered_by_what_they_are(reader):
    make_alert(severity="critical", database="a")
    make_alert(status="resolved", database="b")
    make_alert(status="pending", database="c")
    assert [one["database_name"] for one in reader.get(ALERTS, {"status": "open"}).json()["results"]] == ["a"]
    assert reader.get(ALERTS, {"severity": "warning"}).json()["count"] == 1
    assert reader.get(ALERTS, {"status": "pending"}).status_code == 400


def test_alerts_of_an_instance_or_of_one_of_its_databases_are_found(reader):
    ours, theirs = make_instance("ours"), make_instance("theirs")
    for instance, database in ((ours, ""), (ours, "orders"), (ours, "audit"), (theirs, "orders")):
        make_alert(instance=instance, database=database)

    def found(**asked):
        rows = reader.get(ALERTS, asked).json()["results"]
        return sorted((row["instance_name"], row["database_name"]) for row in rows)

    assert found(instance=ours.pk) == [("ours", ""), ("ours", "audit"), ("ours", "orders")]
    assert found(instance=ours.pk, database_name="orders") == [("ours", "orders")]
    assert found(database_name="orders") == [("ours", "orders"), ("theirs", "orders")]


@time_machine.travel(NOON, tick=False)
def test_one_is_acknowledged_once_with_a_note(answerer):
    alert = make_alert()
    answer = answerer.post(f"{ALERTS}{alert.pk}/acknowledge/", {"note": "disk is ordered"})
    assert (answer.status_code, answer.json()["status"], answer.json()["note"]) == (
        200,
        "acknowledged",
        "disk is ordered",
    )
    again = answerer.post(f"{ALERTS}{alert.pk}/acknowledge/", {})
    assert (again.status_code, again.json()["code"]) == (409, "alert_over")


@time_machine.travel(NOON, tick=False)
def test_one_is_silenced_until_a_moment_that_is_to_come(answerer):
    alert = make_alert()
    answer = answerer.post(f"{ALERTS}{alert.pk}/silence/", {"until": "2026-03-09T00:00:00+08:00"})
    assert (answer.status_code, answer.json()["silenced_until"]) == (200, "2026-03-09T00:00:00+08:00")
    past = answerer.post(f"{ALERTS}{alert.pk}/silence/", {"until": "2026-03-01T00:00:00+08:00"})
    assert (past.status_code, past.json()["errors"][0]["attr"]) == (400, "until")
    Alert.objects.update(status="resolved")
    assert answerer.post(f"{ALERTS}{alert.pk}/silence/", {"until": "2026-03-09T00:00:00+08:00"}).status_code == 409


def test_who_may_only_look_answers_nothing(reader):
    alert = make_alert()
    assert reader.post(f"{ALERTS}{alert.pk}/acknowledge/", {}).status_code == 403

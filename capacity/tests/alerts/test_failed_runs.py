"""Alerts about runs: of an instance that failed several times running, and of a scheduled run that failed."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from capacity.alerts import wording
from capacity.alerts.evaluation import evaluate
from capacity.models import Alert
from capacity.tests.factories import make_instance
from sync_sessions.reasons import sentence_of
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service as service

from .factories import make_alert, make_rule

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


def ran(key, *ends, hours=0, code="", reason="no route"):
    """A scheduled run under that key so many hours after noon; `ends` are (instance, status)."""
    session = service.create_session(
        sync_type="scheduled_task",
        sync_category=key.partition(":")[0],
        lock_key=key,
        instances=[(one.pk, one.name) for one, _status in ends],
    )
    records = service.record_ids(session)
    for instance, status in ends:
        end = service.fail_instance_records if status == "failed" else service.complete_instance_records
        why = {"error_code": code, "error_message": reason} if status == "failed" else {}
        end(session, [RecordResult(records[instance.pk], status, **why)])
    service.finish_session(session)
    session.records.update(created_at=NOON + timedelta(hours=hours))


def open_alerts():
    """(title, sentence) of each."""
    return [(wording.title(one), wording.sentence(one)) for one in Alert.objects.shown().order_by("pk")]


def test_an_instance_that_fails_three_nights_running_is_told_of_and_over_when_it_is_done_again():
    down, up = make_instance("down"), make_instance("up")
    make_rule("run_failed", level="instance", threshold={"times": 3})
    for night in range(3):
        assert evaluate(NOON).opened == 0
        ran("capacity:collection", (down, "failed"), (up, "failed" if night else "completed"), hours=24 * night - 72)
    assert evaluate(NOON).opened == 1
    assert open_alerts() == [("Run failed: down", "Failed 3 times running. no route")]
    ran("capacity:collection", (down, "completed"))
    assert evaluate(NOON).resolved == 1


def test_why_it_failed_is_said_in_the_readers_language_before_the_servers_own_words():
    down = make_instance("down")
    make_rule("run_failed", level="instance")
    stored = "The host db.example is not known: check its name, and the DNS of this machine."
    ran("capacity:collection", (down, "failed"), hours=-1, code="unknown_host", reason=stored)
    evaluate(NOON)
    assert open_alerts() == [("Run failed: down", f"Failed 1 time running. {stored}")]
    with translation.override("zh-hans"):
        sentence = sentence_of("unknown_host")
        assert open_alerts()[0][1].endswith(f" {sentence} {stored}") and not sentence.isascii()
        Alert.objects.update(params={"reason": stored})  # of before codes were kept
        assert open_alerts()[0][1].endswith(f" {stored}")


def test_aggregating_what_was_collected_before_does_not_hide_that_collecting_fails():
    down = make_instance("down")
    make_rule("run_failed", level="instance", threshold={"times": 2})
    for night in range(2):
        ran("capacity:collection", (down, "failed"), hours=24 * night - 48)
        ran("aggregation:daily", (down, "completed"), hours=24 * night - 47)
    assert evaluate(NOON).opened == 1
    ran("aggregation:daily", (down, "completed"))
    assert evaluate(NOON).resolved == 0


def test_a_scheduled_run_that_failed_says_which_and_how_many_of_its_instances():
    down, up = make_instance("down"), make_instance("up")
    make_rule("run_failed", level="fleet")
    ran("capacity:collection", (down, "failed"), (up, "completed"))
    ran("aggregation:daily", (up, "completed"))
    assert evaluate(NOON).opened == 1
    assert open_alerts() == [("Run failed: Collection", "1 of 2 instances failed.")]
    with translation.override("zh-hans"):
        assert open_alerts()[0][0] == "运行失败：采集"
    ran("capacity:collection", (down, "completed"), (up, "completed"))
    assert evaluate(NOON).resolved == 1


def test_a_schedule_and_moments_are_said_in_the_readers_language():
    due = {"schedule": "WhaleFall: collect", "due": "2026-03-01T19:00:00Z"}
    alert = make_alert(kind="schedule_missed", params=due)
    assert wording.title(alert) == "Schedule missed: WhaleFall: collect"
    assert "at March 2, 2026, 3 a.m. (Asia/Shanghai) and" in wording.sentence(alert)
    with translation.override("zh-hans"):
        assert "WhaleFall：" in wording.title(alert)

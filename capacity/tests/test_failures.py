"""Which instances failed in their own last run of a kind."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.insight import attention
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, run, the
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db


def names(failures):
    return [one.name for one in failures]


@pytest.fixture
def failed(raising, monkeypatch):
    """A run over the fleet in which "bad" and "off", switched off since, failed; now none would."""
    fleet = {name: make_instance(name) for name in ("bad", "good", "off")}
    for instance in fleet.values():
        add_both(instance, "2025-06-29", 1)
    raising({fleet["bad"]: ValueError("no luck " * 100), fleet["off"]: ValueError("no luck")})
    fleet["session"] = run(the("daily", "2025-06-29")).session
    monkeypatch.undo()
    fleet["off"].is_active = False
    fleet["off"].save()
    return fleet


def test_failures_are_those_of_each_instances_own_last_run(failed):
    [failure] = attention.failures()

    assert failure[:4] == (failed["bad"].pk, "bad", failed["session"].pk, "aggregation")
    assert failure.reason.startswith("ValueError: no luck")
    assert len(failure.reason) == attention.REASON_LENGTH


@pytest.mark.parametrize(("type", "left"), [("daily", []), ("weekly", ["bad"])])
def test_a_failure_is_over_when_the_instance_was_run_alone(failed, type, left):
    session = run(the(type, "2025-06-29"), instances=[failed["bad"]]).session
    assert session.status == "completed"
    assert names(attention.failures()) == left


def test_a_failure_is_over_with_the_next_run_over_the_fleet(failed):
    run(the("daily", "2025-06-29"))
    assert attention.failures() == []


def test_a_failure_stays_when_others_were_run_since(failed):
    others = [failed["good"], make_instance("new")]
    assert run(the("daily", "2025-06-29"), instances=others).session.lock_key == failed["session"].lock_key
    run(the("daily", "2025-06-29"), instances=others[:1])
    assert names(attention.failures()) == ["bad"]


def test_a_failure_is_over_when_the_instance_was_one_of_several_that_were_run_since(failed):
    run(the("daily", "2025-06-29"), instances=[failed["good"], failed["bad"]])
    assert attention.failures() == []


def test_a_failure_alone_is_over_with_a_run_over_the_fleet(raising, monkeypatch):
    bad = make_instance("bad")
    raising({bad: ValueError("no luck")})
    run(the("daily", "2025-06-29"), instances=[bad])
    assert names(attention.failures()) == ["bad"]
    monkeypatch.undo()
    add_both(bad, "2025-06-29", 1)
    run(the("daily", "2025-06-29"))
    assert attention.failures() == []


def test_a_cancelled_run_does_not_end_a_failure(failed):
    cancelled = AggregationOrchestrator().open(the("daily", "2025-06-29"), "all", sync_type="manual_task")
    sync_session_service.cancel_session(cancelled)
    assert names(attention.failures()) == ["bad"]


def test_an_instance_that_fails_again_is_named_once(failed, raising):
    raising({failed["bad"]: ValueError("again")})
    newest = run(the("daily", "2025-06-29")).session
    assert [(one.name, one.session) for one in attention.failures()] == [("bad", newest.pk)]


def test_failures_read_the_failed_records_and_no_others(failed):
    with CaptureQueriesContext(connection) as queries:
        attention.failures()
    [query] = queries
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET enable_seqscan = off")  # as with a table that is not small
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if connection.vendor == 'sqlite' else ''} {query['sql']}")
        plan = "\n".join(str(row) for row in cursor.fetchall())
        if connection.vendor == "postgresql":
            cursor.execute("RESET enable_seqscan")
    assert "sync_records_failed" in plan
    assert "sync_records_last_of_instance" in plan


def test_nothing_failed_where_nothing_ran():
    assert attention.failures() == []

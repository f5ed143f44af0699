"""A run and the log it writes: the session, a record per instance, and their ends."""

import pytest
from django.contrib.auth.models import User

from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.aggregation.service import AggregationService
from capacity.errors import ScopeError
from capacity.models import Instance
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_sample, database_rows, make_fleet, run, the
from sync_sessions.errors import SessionAlreadyRunning, SessionFinished
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

DAY = the("daily", "2025-06-30")
WEEK = the("weekly", "2025-06-30")


class Forgetful(AggregationService):
    """Tells nobody of anything."""

    def calculate_daily_aggregations(self, **kwargs):
        return self.build_period_summary(kwargs["period"], [])


def open_session(period=DAY, **options):
    return AggregationOrchestrator().open(period, "all", **{"sync_type": "scheduled_task", **options})


def record(result, instance):
    return result.session.records.get(instance=instance)


def counters(session):
    return (
        session.total_instances,
        session.successful_instances,
        session.failed_instances,
        session.skipped_instances,
    )


def test_a_run_leaves_a_completed_session():
    make_fleet(2, "2025-06-30")
    make_instance("idle")
    user = User.objects.create(username="dba")

    result = run(DAY, " ALL ", created_by=user, task_id="task-1")

    session = SyncSession.objects.get()
    assert session == result.session
    assert (session.status, session.error_code, session.error_message) == ("completed", "", "")
    assert (session.sync_type, session.sync_category, session.scope) == ("manual_task", "aggregation", "all")
    assert (session.lock_key, session.task_id, session.created_by) == ("aggregation:daily", "task-1", user)
    assert counters(session) == (3, 2, 0, 1)
    assert session.created_at <= session.started_at <= session.heartbeat_at <= session.completed_at
    assert session.details == {
        "version": 1,
        "period_type": "daily",
        "period_start": "2025-06-30",
        "period_end": "2025-06-30",
        "requested_period_type": "daily",
    }


def test_the_snapshot_is_the_session_as_the_api_shows_it():
    make_fleet(1, "2025-06-30")
    user = User.objects.create(username="dba")

    snapshot = run(DAY, created_by=user).snapshot

    session = SyncSession.objects.get()
    assert set(snapshot) == {
        *("session_id", "sync_type", "sync_category", "status", "scope", "details", "created_by", "task_id"),
        *("total_instances", "successful_instances", "failed_instances", "skipped_instances"),
        *("created_at", "started_at", "heartbeat_at", "completed_at", "error_code", "error_message"),
    }
    assert (snapshot["session_id"], snapshot["status"]) == (str(session.session_id), "completed")
    assert (snapshot["created_by"], snapshot["successful_instances"]) == ("dba", 1)


def test_a_completed_record_says_what_was_made_of_what():
    [instance] = make_fleet(1, "2025-06-30")
    add_sample(instance, "b", "2025-06-30", 1)
    add_sample(instance, "b", "2025-07-01", 2)
    run(WEEK, "database")

    made = record(run(WEEK), instance)

    assert (made.status, made.instance_name, made.sync_category) == ("completed", "fleet-000", "aggregation")
    assert (made.items_synced, made.items_created, made.items_updated, made.items_deleted) == (3, 1, 2, 0)
    assert (made.error_code, made.error_message) == ("", "")
    assert made.started_at <= made.completed_at
    windows = {"window": ["2025-06-30", "2025-07-06"], "previous_window": ["2025-06-23", "2025-06-29"]}
    assert made.sync_details == {
        "version": 1,
        "scope": "all",
        "period_type": "weekly",
        "period_start": "2025-06-30T00:00:00+08:00",
        "period_end": "2025-07-06T00:00:00+08:00",
        "aggregation_count": 3,
        "aggregation_result": {
            "status": "completed",
            "message": "",
            "errors": [],
            "processed_records": 3,
            "database": {
                "status": "completed",
                "processed_records": 2,
                "created": 0,
                "updated": 2,
                "samples": 3,
                **windows,
            },
            "instance": {
                "status": "completed",
                "processed_records": 1,
                "created": 1,
                "updated": 0,
                "samples": 1,
                **windows,
            },
        },
    }


def test_a_skipped_record_says_why():
    idle = make_instance("idle")

    result = run(DAY, "database")

    skipped = record(result, idle)
    assert (skipped.status, skipped.error_code) == ("skipped", "no_samples")
    assert (skipped.error_message, skipped.items_synced) == ("no samples in the period", 0)
    assert skipped.sync_details["aggregation_count"] == 0
    assert skipped.sync_details["aggregation_result"] == {
        "status": "skipped",
        "message": "no samples in the period",
        "errors": [],
        "processed_records": 0,
        "database": {
            "status": "skipped",
            "processed_records": 0,
            "created": 0,
            "updated": 0,
            "samples": 0,
            "window": ["2025-06-30", "2025-06-30"],
            "previous_window": ["2025-06-29", "2025-06-29"],
        },
        "instance": None,
    }
    assert (result.session.status, counters(result.session)) == ("completed", (1, 0, 0, 1))


def test_a_failed_record_has_its_reason_and_fails_the_session(poison):
    fleet = make_fleet(3, "2025-06-30")
    poison(fleet[1])

    result = run(DAY)

    failed = record(result, fleet[1])
    assert (failed.status, failed.error_code, failed.items_synced) == ("failed", "integrity_error", 0)
    assert "poisoned row" in failed.error_message
    assert failed.sync_details == {
        "version": 1,
        "scope": "all",
        "period_type": "daily",
        "period_start": "2025-06-30T00:00:00+08:00",
        "period_end": "2025-06-30T00:00:00+08:00",
        "aggregation_count": 0,
        "aggregation_result": {"status": "failed", "error": failed.error_message},
    }
    assert (result.session.status, counters(result.session)) == ("failed", (3, 2, 1, 0))
    assert (result.session.error_code, result.snapshot["status"]) == ("", "failed")


def test_the_error_text_of_a_record_is_cleaned(raising):
    fleet = make_fleet(2, "2025-06-30")
    raising({fleet[0]: RuntimeError("postgres://u:s3cret@h/d \x00 \ud800 " + "x" * 5_000_000)})

    failed = record(run(DAY), fleet[0])

    assert "s3cret" not in str(failed.sync_details) + failed.error_message
    assert "\x00" not in failed.error_message
    assert len(failed.error_message) == len(failed.sync_details["aggregation_result"]["error"]) == 4000


def test_a_record_that_nothing_finished_fails_as_missing():
    [instance] = make_fleet(1, "2025-06-30")

    result = run(DAY, service=Forgetful())

    missing = record(result, instance)
    assert (missing.status, missing.error_code) == ("failed", "result_missing")
    assert "aggregation result missing" in missing.error_message
    assert missing.sync_details["aggregation_result"] == {"status": "unknown"}
    assert (missing.sync_details["version"], missing.sync_details["aggregation_count"]) == (1, 0)
    assert (result.session.status, counters(result.session)) == ("failed", (1, 0, 1, 0))


@pytest.mark.parametrize("instances", [None, []])
def test_without_instances_the_session_completes_at_once(instances):
    make_instance(is_active=False)

    result = run(DAY, instances=instances)

    assert (result.session.status, counters(result.session)) == ("completed", (0, 0, 0, 0))
    assert result.summary.status == "skipped"
    assert not SyncInstanceRecord.objects.exists()


def test_a_wrong_scope_is_refused_before_anything_is_written():
    make_fleet(1, "2025-06-30")

    with pytest.raises(ScopeError):
        run(DAY, "databases")

    assert not SyncSession.objects.exists()


def test_a_second_run_of_the_period_type_is_refused_and_writes_nothing():
    [instance] = make_fleet(1, "2025-06-30")
    other = open_session()

    with pytest.raises(SessionAlreadyRunning, match=str(other.session_id)) as refused:
        run(the("daily", "2025-06-01"))

    assert refused.value.session == other
    assert (SyncSession.objects.get(), SyncInstanceRecord.objects.get().status) == (other, "pending")
    assert database_rows() == []


def test_other_period_types_and_single_instances_run_beside_it():
    fleet = make_fleet(2, "2025-06-30")
    open_session()

    results = [run(WEEK), run(DAY, instances=fleet[:1]), run(DAY, instances=fleet[1:])]

    assert {result.session.status for result in results} == {"completed"}
    assert [result.session.lock_key for result in results[1:]] == [f"aggregation:daily:{one.pk}" for one in fleet]


def test_several_chosen_instances_hold_the_key_of_the_fleet():
    fleet = make_fleet(3, "2025-06-30")

    result = run(DAY, instances=fleet[:2])

    assert (result.session.lock_key, counters(result.session)) == ("aggregation:daily", (2, 2, 0, 0))


def test_a_key_is_free_again_after_the_run_ended(poison):
    fleet = make_fleet(2, "2025-06-30")
    poison(fleet[0])

    assert [run(DAY).session.status, run(DAY).session.status] == ["failed", "failed"]


def test_a_queued_session_is_run_for_the_instances_it_was_opened_with():
    fleet = make_fleet(3, "2025-06-30")
    session = open_session(instances=fleet[:2], status="pending")
    assert (session.started_at, session.heartbeat_at) == (None, None)

    result = run(DAY, session=session, task_id="task-2")

    session.refresh_from_db()
    assert (session.status, session.task_id, counters(session)) == ("completed", "task-2", (2, 2, 0, 0))
    assert (session.sync_type, SyncSession.objects.count()) == ("scheduled_task", 1)
    assert {row["instance_id"] for row in database_rows()} == {one.pk for one in fleet[:2]}
    assert result.session == session


@pytest.mark.parametrize("end", [lambda session: run(DAY, session=session), sync_session_service.cancel_session])
def test_a_queued_session_is_claimed_once(end):
    make_fleet(1, "2025-06-30")
    session = open_session(status="pending")
    end(SyncSession.objects.get())
    before = SyncSession.objects.values().get(), database_rows(stamps=True)

    with pytest.raises(SessionFinished, match="was not waiting to be started") as refused:
        run(DAY, session=session)

    assert refused.value.session.status == before[0]["status"]
    assert (SyncSession.objects.values().get(), database_rows(stamps=True)) == before


def test_an_instance_deactivated_in_the_queue_is_skipped():
    fleet = make_fleet(2, "2025-06-30")
    session = open_session(status="pending")
    Instance.objects.filter(pk=fleet[0].pk).update(is_active=False)

    result = run(DAY, session=session)

    assert (record(result, fleet[0]).status, record(result, fleet[0]).error_code) == ("skipped", "instance_inactive")
    assert record(result, fleet[1]).status == "completed"

"""The manual run: today's daily period, whatever was asked for."""

from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.functional import lazy
from structlog.testing import capture_logs

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.aggregation.results import REASONS, AggregationStatus
from capacity.aggregation.service import AggregationService
from capacity.errors import ScopeError
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, database_rows, instance_rows, make_fleet, the
from sync_sessions.errors import SessionAlreadyRunning
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

DAY = the("daily", "2025-06-30")


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning in Shanghai


def aggregate_current(service=None, **request):
    return CurrentAggregationService(service).aggregate_current(CurrentAggregationRequest(**request))


def fake(summary):
    """A service that computes nothing and gives that."""

    class Fake:
        def calculate_daily_aggregations(self, **kwargs):
            return summary

    return Fake()


def test_the_current_day_of_the_fleet_is_aggregated_at_both_levels():
    fleet = make_fleet(2, "2025-06-30")
    add_both(make_instance("retired", is_active=False), "2025-06-30", 5)
    idle = make_instance("idle")

    result = aggregate_current()

    snapshot = result.pop("session")
    assert result == {
        "status": "completed",
        "message": "2 of 3 instances aggregated, 1 skipped, 0 failed.",
        "scope": "all",
        "requested_period_type": "daily",
        "effective_period_type": "daily",
        "period_type": "daily",
        "period_start": "2025-06-30",
        "period_end": "2025-06-30",
        "processed_instances": 2,
        "skipped_instances": 1,
        "failed_instances": 0,
        "processed_records": 4,
        "errors": [],
    }
    assert (snapshot["sync_type"], snapshot["status"], snapshot["total_instances"]) == ("manual_task", "completed", 3)
    for rows in (database_rows(), instance_rows()):
        assert [(row["instance_id"], row["period_start"]) for row in rows] == [(one.pk, DAY.start) for one in fleet]
    assert SyncInstanceRecord.objects.get(instance=idle).error_code == "no_samples"


@pytest.mark.parametrize(
    ("scope", "meant"),
    [
        (None, "all"),
        ("", "all"),
        ("  ", "all"),
        (" ALL ", "all"),
        ("Database", "database"),
        ("instance\n", "instance"),
    ],
)
def test_a_scope_may_be_written_in_any_case(scope, meant):
    make_fleet(1, "2025-06-30")

    result = aggregate_current(scope=scope)

    assert (result["scope"], result["session"]["scope"]) == (meant, meant)
    assert (bool(database_rows()), bool(instance_rows())) == (meant != "instance", meant != "database")


@pytest.mark.parametrize("scope", ["databases", "all,instance", 5, 0, True, ["all"], b"all", object()])
def test_any_other_scope_is_refused_before_anything_is_written(scope):
    make_fleet(1, "2025-06-30")

    with pytest.raises(ScopeError) as refused:
        aggregate_current(scope=scope)

    assert str(refused.value) == "scope must be one of instance, database, all"
    assert isinstance(refused.value, ValidationError)
    assert not SyncSession.objects.exists()


@pytest.mark.parametrize("asked", ["weekly", "quarterly", "fortnightly", "日"])
def test_any_other_period_is_replaced_by_the_current_day_and_logged_once(asked):
    make_fleet(1, "2025-06-30")

    with capture_logs() as logs:
        result = aggregate_current(requested_period_type=asked)

    types = (result["requested_period_type"], result["effective_period_type"], result["period_type"])
    assert types == (asked, "daily", "daily")
    assert result["session"]["details"]["requested_period_type"] == asked
    assert {row["period_type"] for row in database_rows()} == {"daily"}
    [line] = [line for line in logs if line["event"] == "current_aggregation.period_forced"]
    assert (line["requested"], line["enforced"], line["log_level"]) == (asked, "daily", "info")
    assert line["message"] == "The period of a manual aggregation request was replaced by the daily period"


@pytest.mark.parametrize("asked", [None, "", "  ", "daily", "Daily", " DAILY "])
def test_daily_is_what_runs_anyhow_and_nothing_is_logged(asked):
    with capture_logs() as logs:
        result = aggregate_current(requested_period_type=asked)

    assert result["effective_period_type"] == result["requested_period_type"].lower() == "daily"
    assert logs == []


def test_who_started_it_is_on_the_session():
    user = User.objects.create(username="dba")

    assert aggregate_current(created_by=user)["session"]["created_by"] == "dba"
    assert SyncSession.objects.get().created_by == user


@pytest.mark.parametrize(("chosen", "sync_type"), [(1, "manual_single"), (2, "manual_batch")])
def test_only_the_chosen_instances_are_run(chosen, sync_type):
    fleet = make_fleet(3, "2025-06-30")

    result = aggregate_current(instances=iter(fleet[:chosen]))

    assert (result["session"]["sync_type"], result["processed_instances"]) == (sync_type, chosen)
    assert {row["instance_id"] for row in database_rows()} == {one.pk for one in fleet[:chosen]}


def test_without_an_active_instance_the_session_completes_and_the_result_is_skipped():
    make_instance(is_active=False)

    result = aggregate_current()

    assert (result["status"], result["processed_records"], result["session"]["status"]) == ("skipped", 0, "completed")
    assert result["message"] == "There is no active instance: nothing was aggregated."
    assert not SyncInstanceRecord.objects.exists()


def test_failed_instances_are_in_the_result(poison):
    fleet = make_fleet(3, "2025-06-30")
    poison(fleet[1])

    result = aggregate_current()

    assert (result["status"], result["session"]["status"]) == ("failed", "failed")
    assert (result["processed_instances"], result["failed_instances"], result["processed_records"]) == (2, 1, 4)
    [error] = result["errors"]
    assert error.startswith("fleet-001: IntegrityError: poisoned row")


def test_what_ends_the_whole_run_is_raised(raising):
    fleet = make_fleet(2, "2025-06-30")
    error = RuntimeError("broken for all")
    raising(dict.fromkeys(fleet, error))

    with pytest.raises(RuntimeError) as raised:
        aggregate_current()

    assert raised.value is error
    assert SyncSession.objects.get().status == "failed"


def test_a_run_beside_another_of_the_day_is_refused():
    other = AggregationOrchestrator().open(DAY, "all", sync_type="scheduled_task")

    with pytest.raises(SessionAlreadyRunning) as refused:
        aggregate_current()

    assert refused.value.session == other


@dataclass
class Half:
    """Some of the fields of a summary."""

    status: object = AggregationStatus.SKIPPED
    processed_records: int = 3


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ({}, {}),
        (None, {}),
        ({"status": None, "message": "", "errors": None, "processed_records": None}, {}),
        ({"status": "skipped", "message": "nothing new"}, {"status": "skipped", "message": "nothing new"}),
        ({"processed_instances": "2", "failed_instances": 1}, {"processed_instances": 2, "failed_instances": 1}),
        ({"errors": (ValueError("odd"), "bad")}, {"errors": ["odd", "bad"]}),
        ({"scope": "other", "session": 1, "unknown": 2}, {}),
        (Half(), {"status": "skipped", "processed_records": 3}),
    ],
)
def test_whatever_a_service_gives_becomes_a_whole_result(summary, expected):
    result = aggregate_current(fake(summary))

    session = result.pop("session")
    assert result == {
        "status": "completed",
        "message": "The aggregation of the current period has ended.",
        "scope": "all",
        **dict.fromkeys(["requested_period_type", "effective_period_type", "period_type"], "daily"),
        **dict.fromkeys(["period_start", "period_end"], "2025-06-30"),
        **dict.fromkeys(["processed_instances", "skipped_instances", "failed_instances", "processed_records"], 0),
        "errors": [],
        **expected,
    }
    assert session["session_id"] == str(SyncSession.objects.get().session_id)


def test_a_service_that_tells_nothing_leaves_its_records_missing():
    make_fleet(1, "2025-06-30")

    result = aggregate_current(fake({"processed_instances": 1}))

    assert (result["status"], result["failed_instances"], result["session"]["status"]) == ("failed", 1, "failed")
    assert result["errors"] == ["1 instance ended without a result."]
    assert SyncInstanceRecord.objects.get().error_code == "result_missing"


def test_a_run_cancelled_before_it_could_end_is_cancelled_in_the_result():
    class Cancelled(AggregationService):
        def calculate_daily_aggregations(self, **kwargs):
            summary = super().calculate_daily_aggregations(**kwargs)
            sync_session_service.cancel_session(SyncSession.objects.get())
            return summary

    make_fleet(1, "2025-06-30")

    result = aggregate_current(Cancelled())

    assert (result["status"], result["session"]["status"]) == ("cancelled", "cancelled")
    assert (result["processed_instances"], SyncInstanceRecord.objects.get().status) == (1, "completed")


def test_stored_texts_are_english_whatever_the_reader_speaks(monkeypatch):
    make_instance("idle")
    monkeypatch.setitem(REASONS, "no_samples", lazy(translation.get_language, str)())

    with translation.override("zh-hans"):
        aggregate_current()

    assert SyncInstanceRecord.objects.get().error_message == "en"

"""What a scheduled job takes on, by its settings and arguments."""

from datetime import date, timedelta

import pytest
from django.db import DataError, IntegrityError, OperationalError
from structlog.testing import capture_logs

from capacity.aggregation.service import AggregationService
from capacity.aggregation.task_runner import AggregationTaskRunner, classify_error, periods_to_run, select_instances
from capacity.collection.samples import SamplesRejected
from capacity.errors import JobBusy, PeriodError, ScopeError, SumOverflow
from capacity.models import Instance
from capacity.periods import PERIOD_CONFIG, parse_periods
from capacity.tests.factories import make_instance
from capacity.tests.samples import database_rows, make_fleet, mark, the
from sync_sessions.errors import SessionAlreadyRunning, SessionFinished, SessionLost
from sync_sessions.models import SyncSession

TODAY = date(2025, 6, 30)  # a Monday
DAILY = parse_periods(["daily"])


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning in Shanghai


def named(periods):
    return [f"{period.type} {period.start}" for period in periods]


def job(periods=None, **options):
    return AggregationTaskRunner(AggregationService()).run_periods(periods, **options)


def done(result):
    return [f"{one['period_type']} {one['period_start']}" for one in result["periods"]]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PeriodError("x"), ("validation", "error", False, None)),
        (ScopeError("x"), ("validation", "error", False, None)),
        (SamplesRejected([], 0), ("validation", "error", False, None)),
        (OperationalError("database is locked"), ("transient", "warning", False, 30)),
        (OperationalError("server closed the connection unexpectedly"), ("transient", "warning", False, 30)),
        (JobBusy("x"), ("busy", "warning", False, 120)),
        (SessionAlreadyRunning("x"), ("busy", "warning", False, 120)),
        (OperationalError("attempt to write a readonly database"), ("unexpected", "error", True, None)),
        (IntegrityError("x"), ("unexpected", "error", True, None)),
        (DataError("x"), ("unexpected", "error", True, None)),
        (SumOverflow("x"), ("unexpected", "error", True, None)),
        (SessionLost("x"), ("unexpected", "error", True, None)),
        (SessionFinished("x"), ("unexpected", "error", True, None)),
        (ConnectionError("database is locked"), ("unexpected", "error", True, None)),
        (ValueError("x"), ("unexpected", "error", True, None)),
    ],
)
def test_an_error_means_one_thing_for_a_job(error, expected):
    kind = classify_error(error)

    level = {40: "error", 30: "warning"}[kind.level]
    assert (kind.name, level, kind.traceback, kind.retry_after) == expected


@pytest.mark.unit
def test_what_is_busy_is_tried_again_after_the_lease_and_half_a_minute(settings):
    settings.WHALEFALL_SESSION_LEASE = 7

    assert classify_error(JobBusy("x")).retry_after == 37


@pytest.mark.unit
@pytest.mark.parametrize(("scope", "chosen"), [("all", ["on", "also on"]), ("database", None), ("instance", None)])
def test_the_active_marked_instances_are_selected_and_one_level_alone_takes_the_fleet(scope, chosen):
    marked = [Instance(name="on"), Instance(name="off", is_active=False), Instance(name="also on")]

    found = select_instances(iter(marked), scope)

    assert (None if found is None else [one.name for one in found]) == chosen


@pytest.mark.unit
@pytest.mark.parametrize("scope", ["all", "database", "instance"])
def test_without_a_mark_both_levels_select_nobody(scope):
    assert select_instances([], scope) == ([] if scope == "all" else None)


@pytest.mark.unit
def test_stale_periods_are_run_once_oldest_first_and_only_complete_ones_of_the_types():
    stale = [
        the("weekly", "2025-06-23"),  # ends on the 29th, as the day does, and is longer
        the("daily", "2025-06-29"),
        the("daily", "2025-06-30"),  # today
        the("monthly", "2025-06-30"),  # ends today
        the("daily", "2025-06-28"),
        the("daily", "2025-06-28"),
        the("quarterly", "2025-03-31"),  # not asked for
    ]

    chosen = periods_to_run(parse_periods(["daily", "weekly", "monthly"]), iter(stale), "all", TODAY)

    assert named(chosen) == ["daily 2025-06-28", "daily 2025-06-29", "weekly 2025-06-23"]


@pytest.mark.unit
@pytest.mark.parametrize("days", [1, 10, 100])
def test_a_period_is_made_up_for_until_it_ended_more_days_ago_than_the_setting(settings, days):
    settings.WHALEFALL_CATCH_UP_DAYS = days
    border = the("daily", str(TODAY - timedelta(days=days)))
    week = the("weekly", str(border.start))  # begins earlier; what counts is when it ends

    chosen = periods_to_run(PERIOD_CONFIG, [border.previous(), border, week], "all", TODAY)

    assert set(chosen) == {border, week} - ({week} if week.end >= TODAY else set())


@pytest.mark.unit
@pytest.mark.parametrize("scope", ["database", "instance"])
def test_one_level_alone_takes_the_last_complete_period_of_each_type(scope):
    chosen = periods_to_run(PERIOD_CONFIG, [the("daily", "2025-06-01")], scope, TODAY)

    assert named(chosen) == ["daily 2025-06-29", "weekly 2025-06-23", "monthly 2025-05-01", "quarterly 2025-01-01"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "call",
    [
        lambda runner, pk: runner.run_periods(),
        lambda runner, pk: runner.run_instance(pk),
        lambda runner, pk: runner.run_period("daily"),
    ],
)
def test_switched_off_it_opens_no_session_and_says_so(settings, call):
    settings.WHALEFALL_AGGREGATION_ENABLED = False

    with capture_logs() as logs:
        result = call(AggregationTaskRunner(AggregationService()), make_instance().pk)

    reason = "Aggregation is switched off (WHALEFALL_AGGREGATION_ENABLED)."
    assert result == {"status": "skipped", "message": reason, "retry_after": None, "periods": []}
    assert logs == [{"log_level": "warning", "event": "aggregation.skipped", "reason": reason}]
    assert not SyncSession.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"periods": ["yearly"]},
            "'yearly' is not a period type: it must be one of daily, weekly, monthly, quarterly",
        ),
        ({"scope": "databases"}, "scope must be one of instance, database, all"),
    ],
)
def test_bad_arguments_fail_once_and_open_no_session(arguments, message):
    with capture_logs() as logs:
        result = AggregationTaskRunner(AggregationService()).run_periods(**arguments)

    assert (result["status"], result["error_class"], result["retry_after"]) == ("failed", "validation", None)
    assert result["message"] == message
    assert [(line["log_level"], line["event"], line["error"]) for line in logs] == [
        ("error", "aggregation.period_failed", message)
    ]
    assert not SyncSession.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("known", "reason"), [(True, "the instance is inactive"), (False, "there is no such instance")]
)
def test_an_instance_that_is_inactive_or_unknown_is_skipped_with_the_reason(known, reason):
    pk = make_instance(is_active=False).pk + (not known)

    result = AggregationTaskRunner(AggregationService()).run_instance(pk)

    assert result == {"status": "skipped", "message": reason, "retry_after": None, "periods": []}
    assert not SyncSession.objects.exists()


@pytest.mark.django_db
def test_an_instance_gets_its_last_complete_periods_in_sessions_of_its_own():
    first, _second = make_fleet(2, "2025-06-29")

    result = AggregationTaskRunner(AggregationService()).run_instance(first.pk, ["weekly", "daily"], task_id="t-1")

    assert done(result) == ["weekly 2025-06-23", "daily 2025-06-29"]
    assert {row["instance_id"] for row in database_rows()} == {first.pk}
    columns = SyncSession.objects.values_list("lock_key", "sync_type", "task_id")
    assert list(columns.order_by("id")) == [
        (f"aggregation:{type}:{first.pk}", "manual_single", "t-1") for type in ("weekly", "daily")
    ]


@pytest.mark.django_db
def test_an_instance_whose_periods_are_misspelt_fails_once():
    result = AggregationTaskRunner(AggregationService()).run_instance(make_instance().pk, ["dayly"])

    assert (result["status"], result["error_class"], result["retry_after"]) == ("failed", "validation", None)


@pytest.mark.django_db
@pytest.mark.parametrize("marked", [True, False])
def test_one_period_is_the_last_complete_one_of_the_marked_instances_or_of_all(marked):
    fleet = make_fleet(3, "2025-06-29")
    if marked:
        mark(fleet[1], the("daily", "2025-06-29"))

    result = AggregationTaskRunner(AggregationService()).run_period("daily")

    assert (result["status"], result["period_start"]) == ("completed", "2025-06-29")
    chosen = fleet[1:2] if marked else fleet
    assert {row["instance_id"] for row in database_rows()} == {one.pk for one in chosen}


@pytest.mark.django_db
def test_one_period_may_be_named():
    make_fleet(1, "2025-03-05")

    result = AggregationTaskRunner(AggregationService()).run_period("weekly", the("weekly", "2025-03-05"))

    assert (result["status"], result["period_start"], result["period_end"]) == (
        "completed",
        "2025-03-03",
        "2025-03-09",
    )


@pytest.mark.django_db
def test_one_period_of_an_unknown_type_fails_once():
    result = AggregationTaskRunner(AggregationService()).run_period("yearly")

    assert (result["status"], result["error_class"], result["retry_after"]) == ("failed", "validation", None)
    assert result["period_type"] == "yearly"

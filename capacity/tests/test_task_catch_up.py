"""What a scheduled job makes up for."""

from datetime import date

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from capacity.aggregation.service import AggregationService
from capacity.aggregation.task_runner import AggregationTaskRunner
from capacity.collection.ingest import ingest
from capacity.models import Instance, StalePeriod
from capacity.periods import PERIOD_CONFIG
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.samples import database_rows, make_fleet, mark, the
from sync_sessions.models import SyncInstanceRecord, SyncSession

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning of Monday 30 June in Shanghai


def job(periods=None, **options):
    return AggregationTaskRunner(AggregationService()).run_periods(periods, **options)


def done(result):
    return [f"{one['period_type']} {one['period_start']}" for one in result["periods"]]


def test_three_days_without_a_schedule_are_made_up_for_oldest_first_each_once():
    instance = make_instance()
    ingest([a_sample(instance, f"2025-06-{day}T10:00:00+08:00") for day in (26, 27, 28, 29)])

    first, second = job(), job()

    assert done(first) == [
        *[f"daily 2025-06-{day}" for day in (26, 27, 28, 29)],
        "weekly 2025-06-23",
    ]
    assert (first["status"], first["retry_after"]) == ("completed", None)
    assert [f"{row['period_type']} {row['period_start']}" for row in database_rows()] == done(first)
    assert (second["status"], second["periods"]) == ("skipped", [])
    # What follows is not over yet, and stays marked.
    assert set(StalePeriod.objects.values_list("period_type", "period_start")) == {
        ("daily", date(2025, 6, 30)),
        ("weekly", date(2025, 6, 30)),
        ("monthly", date(2025, 6, 1)),
        ("monthly", date(2025, 7, 1)),
        ("quarterly", date(2025, 4, 1)),
        ("quarterly", date(2025, 7, 1)),
    }


def test_nothing_stale_says_so_opens_no_session_and_costs_a_query_a_type(django_assert_num_queries):
    make_fleet(2, "2025-06-29")

    with capture_logs() as logs, django_assert_num_queries(len(PERIOD_CONFIG)):
        result = job()

    reason = "No complete period is stale: nothing to do."
    assert result == {"status": "skipped", "message": reason, "retry_after": None, "periods": []}
    assert logs == [{"log_level": "warning", "event": "aggregation.skipped", "reason": reason}]
    assert not SyncSession.objects.exists()


def test_only_the_active_marked_instances_have_a_record():
    fleet = make_fleet(4, "2025-06-29")
    Instance.objects.filter(pk=fleet[1].pk).update(is_active=False)
    for one in fleet[:3]:
        mark(one, the("daily", "2025-06-29"))

    job()

    assert list(SyncInstanceRecord.objects.values_list("instance_name", flat=True)) == ["fleet-000", "fleet-002"]
    assert SyncSession.objects.get().lock_key == "aggregation:daily"


def test_a_single_marked_instance_holds_the_key_of_the_fleet():
    mark(make_instance(), the("daily", "2025-06-29"))

    job()

    session = SyncSession.objects.get()
    assert (session.lock_key, session.sync_type, session.total_instances) == ("aggregation:daily", "scheduled_task", 1)


def test_only_the_given_types_are_run_and_the_other_marks_stay():
    instance = make_instance()
    for type in ("daily", "weekly"):
        mark(instance, the(type, "2025-06-29"))

    assert done(job(["weekly"])) == ["weekly 2025-06-23"]
    assert StalePeriod.objects.get().period_type == "daily"


def test_what_another_process_has_computed_meanwhile_is_left_out(monkeypatch):
    """It had been listed as stale before the other one took it."""
    fleet = make_fleet(1, "2025-06-29")
    for day in ("2025-06-28", "2025-06-29"):
        mark(fleet[0], the("daily", day))
    real = AggregationService.calculate_daily_aggregations

    def first_the_other(self, *, period, **options):
        monkeypatch.setattr(AggregationService, "calculate_daily_aggregations", real)
        summary = self.calculate_period_aggregations("daily", period=period, **options)
        AggregationService().calculate_daily_aggregations(period=period.following())
        return summary

    monkeypatch.setattr(AggregationService, "calculate_daily_aggregations", first_the_other)

    assert done(job(["daily"])) == ["daily 2025-06-28"]
    assert SyncSession.objects.count() == 1


def test_a_run_that_is_to_be_tried_again_holds_up_its_type_alone(monkeypatch):
    instance = make_instance()
    for day in ("2025-06-27", "2025-06-28"):
        mark(instance, the("daily", day))
    mark(instance, the("weekly", "2025-06-29"))
    locked = OperationalError("database is locked")

    def fail(self, **options):
        raise locked

    monkeypatch.setattr(AggregationService, "calculate_daily_aggregations", fail)

    result = job()

    assert done(result) == ["daily 2025-06-27", "weekly 2025-06-23"]
    assert (result["status"], result["retry_after"], result["error_class"]) == ("failed", 30, "transient")


def test_a_period_that_failed_for_good_holds_up_no_later_one_and_stays_stale(poison):
    fleet = make_fleet(1, "2025-06-28")
    for day in ("2025-06-28", "2025-06-29"):
        mark(fleet[0], the("daily", day))
    poison(fleet[0])

    result = job()

    assert [(one["period_start"], one["status"]) for one in result["periods"]] == [
        ("2025-06-28", "failed"),
        ("2025-06-29", "skipped"),  # without a sample of its own
    ]
    assert [mark.period_start for mark in StalePeriod.objects.all()] == [date(2025, 6, 28)]

"""AggregationService: what a run writes, what it leaves alone, and what it says of it."""

from datetime import UTC, date, datetime

import pytest

from capacity.aggregation.results import AggregationStatus, InstanceResult, LevelResult
from capacity.aggregation.service import AggregationService
from capacity.errors import PeriodError, ScopeError
from capacity.models import DatabaseDayStat
from capacity.periods import PERIODS, Period
from capacity.tests.factories import make_instance
from capacity.tests.samples import (
    add_both,
    add_day,
    add_sample,
    aggregate,
    database_rows,
    instance_rows,
    the,
)

pytestmark = pytest.mark.django_db

DAY = the("daily", "2025-06-30")
NOW = datetime(2025, 6, 30, 4, tzinfo=UTC)


@pytest.fixture
def instance():
    return make_instance("billing")


@pytest.mark.parametrize(
    ("scope", "databases", "instances"), [("database", 1, 0), ("instance", 0, 1), ("all", 1, 1), (None, 1, 1)]
)
def test_a_scope_writes_its_levels_and_no_other(instance, scope, databases, instances):
    add_both(instance, "2025-06-30", 5)

    [result] = aggregate(DAY, scope).results

    assert (len(database_rows()), len(instance_rows())) == (databases, instances)
    assert (result.database is not None, result.instance is not None) == (bool(databases), bool(instances))


def test_only_the_asked_instances_and_period_are_written(instance):
    other = make_instance()
    for day in ("2025-06-29", "2025-06-30", "2025-07-01"):
        add_both(instance, day, 5)
        add_both(other, day, 5)

    aggregate(DAY, instances=[instance])

    for row in database_rows() + instance_rows():
        assert (row["instance_id"], row["period_start"]) == (instance.pk, DAY.start)


def test_inactive_instances_are_no_part_of_the_fleet_and_skipped_when_named(instance):
    retired = make_instance("retired", is_active=False)
    add_both(instance, "2025-06-30", 5)
    add_both(retired, "2025-06-30", 5)

    assert [result.instance_name for result in aggregate(DAY).results] == ["billing"]
    [skipped] = aggregate(DAY, instances=[retired]).results
    assert (skipped.status, skipped.error_code) == ("skipped", "instance_inactive")
    assert {row["instance_id"] for row in database_rows()} == {instance.pk}


def test_rows_of_a_database_that_vanished_are_left_alone(instance):
    add_sample(instance, "kept", "2025-06-30", 1)
    add_sample(instance, "dropped", "2025-06-30", 2)
    aggregate(DAY)
    [before] = [row for row in database_rows(stamps=True) if row["database_name"] == "dropped"]
    DatabaseDayStat.objects.filter(database_name="dropped").delete()

    [result] = aggregate(DAY).results

    assert result.database.processed_records == 1
    assert [row for row in database_rows(stamps=True) if row["database_name"] == "dropped"] == [before]


def test_database_names_are_told_apart_to_the_letter(instance):
    names = ["App", "app", "app ", "100%s", "{};--", "ünï", "数据库", "😀"]
    for size, name in enumerate(names):
        add_sample(instance, name, "2025-06-30", size)

    aggregate(DAY)

    assert {row["database_name"]: row["avg_size_bytes"] for row in database_rows()} == {
        name: size for size, name in enumerate(names)
    }


def test_an_instance_without_samples_is_skipped_with_the_reason(instance):
    add_both(instance, "2025-06-29", 5)

    summary = aggregate(DAY)

    [result] = summary.results
    assert (summary.status, result.status, result.error_code) == ("skipped", "skipped", "no_samples")
    assert str(result.message) == "no samples in the period"
    assert database_rows() == instance_rows() == []


def test_a_result_tells_the_numbers_of_both_levels(instance):
    add_sample(instance, "a", "2025-06-30", 1)
    add_sample(instance, "a", "2025-06-30", 2)
    add_sample(instance, "b", "2025-06-30", 2)
    add_day(instance, "2025-06-30", 4)
    aggregate(DAY, "instance")

    summary = aggregate(DAY)

    completed = AggregationStatus.COMPLETED
    assert summary.results == (
        InstanceResult(
            instance.pk,
            "billing",
            status=completed,
            processed_records=3,
            message="",
            database=LevelResult(completed, DAY, processed_records=2, created=2, updated=0, samples=3),
            instance=LevelResult(completed, DAY, processed_records=1, created=0, updated=1, samples=1),
        ),
    )
    assert (summary.processed_records, summary.window) == (3, ["2025-06-30", "2025-06-30"])
    assert summary.message == "1 of 1 instance aggregated, 0 skipped, 0 failed."


def test_a_fleet_without_active_instances_is_skipped():
    make_instance(is_active=False)

    summary = aggregate(DAY)

    assert (summary.status, summary.results, summary.processed_records) == ("skipped", (), 0)
    assert summary.message == "There is no active instance: nothing was aggregated."


@pytest.mark.parametrize("type", PERIODS)
def test_each_period_type_has_its_method(instance, type, time_machine):
    time_machine.move_to(NOW, tick=False)
    period = Period.by_default(type, date(2025, 6, 30))
    add_both(instance, period.start, 5)

    summary = getattr(AggregationService(), f"calculate_{type}_aggregations")()

    assert (summary.period, summary.status) == (period, "completed")
    assert [row["period_start"] for row in database_rows()] == [period.start]


@pytest.mark.parametrize(
    ("type", "start"),
    [("daily", "2025-06-30"), ("weekly", "2025-06-30"), ("monthly", "2025-06-01"), ("quarterly", "2025-04-01")],
)
def test_the_current_period_contains_today(instance, type, start, time_machine):
    time_machine.move_to(NOW, tick=False)
    add_both(instance, "2025-06-30", 5)

    summary = AggregationService().aggregate_current_period(type, "database")

    assert (summary.period, summary.status) == (the(type, start), "completed")
    assert instance_rows() == []


def test_one_instance_is_computed_for_the_asked_periods_at_both_levels(instance, time_machine):
    time_machine.move_to(NOW, tick=False)
    add_both(instance, "2025-05-31", 5)
    add_both(instance, "2025-06-30", 5)
    add_both(make_instance(), "2025-06-30", 5)

    summaries = AggregationService().calculate_instance_aggregations(instance.pk, [" Monthly", "daily"])

    assert {type: summary.status for type, summary in summaries.items()} == {
        "monthly": "completed",
        "daily": "completed",
    }
    made = [(row["instance_id"], row["period_type"], row["period_start"]) for row in database_rows()]
    assert made == [(instance.pk, "daily", DAY.start), (instance.pk, "monthly", date(2025, 5, 1))]
    assert len(instance_rows()) == 2


def test_an_unknown_or_inactive_instance_is_skipped_with_the_reason():
    retired = make_instance("retired", is_active=False)
    service = AggregationService()

    for pk, code in [(retired.pk, "instance_inactive"), (retired.pk + 1, "instance_unknown")]:
        summaries = service.calculate_instance_aggregations(pk)
        assert list(summaries) == list(PERIODS)
        assert {summary.status for summary in summaries.values()} == {"skipped"}
        assert {summary.results[0].error_code for summary in summaries.values()} == {code}


def test_wrong_input_is_refused_before_anything_is_computed(instance):
    add_both(instance, "2025-06-30", 5)
    service = AggregationService()

    with pytest.raises(PeriodError, match="one of daily, weekly, monthly, quarterly"):
        service.calculate_period_aggregations("yearly")
    with pytest.raises(ScopeError, match="scope must be one of instance, database, all"):
        service.calculate_daily_aggregations(period=DAY, scope="databases")
    with pytest.raises(ValueError, match="is not a weekly period"):
        service.calculate_weekly_aggregations(period=DAY)
    with pytest.raises(PeriodError):
        service.calculate_instance_aggregations(instance.pk, ["daily", "hourly"])
    assert database_rows() == []

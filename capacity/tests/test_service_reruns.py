"""AggregationService run again: marks, purged days, and rows that stay."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from capacity.models import CapacityState, DatabaseDayStat, DatabaseSizeStat, StalePeriod
from capacity.tests.factories import make_instance
from capacity.tests.samples import (
    add_both,
    aggregate,
    database_rows,
    derive_database_day,
    instance_rows,
    mark,
    the,
)

pytestmark = pytest.mark.django_db

DAY = the("daily", "2025-06-30")
NOW = datetime(2025, 6, 30, 4, tzinfo=UTC)


@pytest.fixture
def instance():
    return make_instance("billing")


@pytest.mark.parametrize(("scope", "left"), [("all", 0), ("database", 1), ("instance", 1)])
def test_only_a_run_of_both_levels_deletes_the_mark(instance, scope, left):
    add_both(instance, "2025-06-30", 5)
    mark(instance, DAY)

    aggregate(DAY, scope)

    assert StalePeriod.objects.of(DAY).count() == left


def test_marks_of_other_periods_and_instances_stay(instance):
    other = make_instance()
    marks = [(instance, the("daily", "2025-07-01")), (instance, the("weekly", "2025-06-30")), (other, DAY)]
    for marked, period in [*marks, (instance, DAY)]:
        mark(marked, period)

    aggregate(DAY, instances=[instance])

    left = StalePeriod.objects.values_list("instance_id", "period_type", "period_start")
    assert set(left) == {(marked.pk, period.type, period.start) for marked, period in marks}


@pytest.mark.parametrize(("purged_before", "skipped"), [("2025-06-29", False), ("2025-06-30", True)])
def test_a_period_whose_day_rows_were_purged_is_skipped_and_its_rows_stay(instance, purged_before, skipped):
    add_both(instance, "2025-06-29", 5)
    add_both(instance, "2025-06-30", 10)
    aggregate(DAY)
    mark(instance, DAY)
    before = database_rows(stamps=True)
    CapacityState.objects.create(pk=1, time_zone="Asia/Shanghai", days_purged_before=purged_before)
    DatabaseDayStat.objects.filter(collected_on__lt=purged_before).delete()

    [result] = aggregate(DAY).results

    assert (result.error_code == "samples_purged", result.status == "skipped") == (skipped, skipped)
    assert (database_rows(stamps=True) == before, StalePeriod.objects.exists()) == (skipped, skipped)


def test_a_rerun_replaces_the_numbers_and_keeps_id_and_created_at(instance, time_machine):
    first, second = datetime(2025, 7, 1, 4, tzinfo=UTC), datetime(2025, 7, 1, 5, tzinfo=UTC)
    add_both(instance, "2025-06-29", 50)
    add_both(instance, "2025-06-30", 100)
    time_machine.move_to(first, tick=False)
    aggregate(DAY)
    before = database_rows(stamps=True) + instance_rows(stamps=True)

    DatabaseSizeStat.objects.filter(collected_on=DAY.start).update(size_bytes=200, data_size_bytes=10)
    derive_database_day(instance, "app", DAY.start)
    instance.days.filter(collected_on=DAY.start).update(total_size_bytes=200, database_count=2)
    time_machine.move_to(second, tick=False)
    aggregate(DAY)

    after = database_rows(stamps=True) + instance_rows(stamps=True)
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert [(row["created_at"], row["calculated_at"]) for row in before] == [(first, first)] * 2
    assert [(row["created_at"], row["calculated_at"]) for row in after] == [(first, second)] * 2
    assert (after[0]["avg_size_bytes"], after[0]["avg_data_size_bytes"]) == (200, 10)
    assert after[0]["size_change_percent"] == Decimal("300.00")
    assert (after[1]["max_total_size_bytes"], after[1]["database_count_change"]) == (200, Decimal("1.00"))


def test_a_rerun_does_not_need_the_samples(instance):
    add_both(instance, "2025-06-29", 50)
    add_both(instance, "2025-06-30", 100)
    aggregate(DAY)
    before = database_rows(), instance_rows()
    DatabaseSizeStat.objects.all().delete()

    aggregate(DAY)

    assert (database_rows(), instance_rows()) == before


def test_a_rerun_over_unchanged_samples_changes_nothing(instance):
    add_both(instance, "2025-06-29", 50)
    add_both(instance, "2025-06-30", 100)
    aggregate(DAY)
    before = database_rows(), instance_rows()

    again = aggregate(DAY)

    assert (database_rows(), instance_rows()) == before
    assert [(result.created, result.updated) for result in again.results] == [(0, 2)]


def test_a_rerun_forgets_the_change_when_the_previous_days_are_gone(instance):
    add_both(instance, "2025-06-29", 50)
    add_both(instance, "2025-06-30", 100)
    aggregate(DAY)
    DatabaseDayStat.objects.filter(collected_on="2025-06-29").delete()
    instance.days.filter(collected_on="2025-06-29").delete()

    aggregate(DAY)

    assert database_rows()[0]["size_change_bytes"] is None
    assert instance_rows()[0]["trend_direction"] == "unknown"

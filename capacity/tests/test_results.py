"""What a run says: results, their defaults, and the totals made of them."""

import pytest

from capacity.aggregation.results import AggregationStatus, InstanceRef, InstanceResult, LevelResult
from capacity.aggregation.service import AggregationService
from capacity.tests.samples import the

pytestmark = pytest.mark.unit

DAY = the("daily", "2025-06-30")
COMPLETED, SKIPPED, FAILED, CANCELLED = (
    AggregationStatus.COMPLETED,
    AggregationStatus.SKIPPED,
    AggregationStatus.FAILED,
    AggregationStatus.CANCELLED,
)


@pytest.mark.parametrize(
    ("outcomes", "status", "processed", "skipped", "failed"),
    [
        ([], "skipped", 0, 0, 0),
        ([SKIPPED], "skipped", 0, 1, 0),
        ([SKIPPED, SKIPPED], "skipped", 0, 2, 0),
        ([COMPLETED], "completed", 1, 0, 0),
        ([COMPLETED, SKIPPED], "completed", 1, 1, 0),
        ([COMPLETED, CANCELLED], "cancelled", 1, 0, 0),
        ([SKIPPED, CANCELLED], "cancelled", 0, 1, 0),
        ([CANCELLED], "cancelled", 0, 0, 0),
        ([FAILED], "failed", 0, 0, 1),
        ([COMPLETED, FAILED], "failed", 1, 0, 1),
        ([SKIPPED, FAILED], "failed", 0, 1, 1),
        ([CANCELLED, FAILED], "failed", 0, 0, 1),
        ([COMPLETED, SKIPPED, FAILED, CANCELLED, COMPLETED], "failed", 2, 1, 1),
    ],
)
def test_the_totals_of_a_run_follow_from_its_outcomes(outcomes, status, processed, skipped, failed):
    results = [
        InstanceResult(number, f"db{number}", status=outcome, processed_records=10)
        for number, outcome in enumerate(outcomes)
    ]

    summary = AggregationService.build_period_summary(DAY, iter(results))

    assert (summary.status, summary.processed_instances) == (status, processed)
    assert (summary.skipped_instances, summary.failed_instances) == (skipped, failed)
    assert (summary.processed_records, len(summary.errors)) == (10 * len(outcomes), failed)
    assert (summary.period, summary.results, summary.window) == (DAY, tuple(results), ["2025-06-30"] * 2)


def test_the_message_counts_the_instances():
    results = [InstanceResult(n, status=status) for n, status in enumerate([COMPLETED, COMPLETED, SKIPPED, FAILED])]

    summary = AggregationService.build_period_summary(DAY, results)

    assert summary.message == "2 of 4 instances aggregated, 1 skipped, 1 failed."


def test_the_errors_name_the_instance_and_the_reason():
    results = [
        InstanceResult(1, "a", error="disk on fire"),
        InstanceResult(2, "b"),
        InstanceResult(3, "c", "completed"),
    ]

    summary = AggregationService.build_period_summary(DAY, results)

    assert summary.errors == ("a: disk on fire", "b: aggregation failed")


def test_a_result_that_nobody_filled_in_is_a_failure():
    result = InstanceResult(7)

    assert (result.status, result.processed_records, str(result.message)) == ("failed", 0, "aggregation failed")
    assert (result.created, result.updated) == (0, 0)


@pytest.mark.parametrize("nothing", [None, "", 0])
def test_no_number_of_records_is_zero_and_no_status_is_failed(nothing):
    result = InstanceResult(7, status=nothing, processed_records=nothing)

    assert (result.status, result.processed_records) == ("failed", 0)


def test_a_result_adds_up_its_levels():
    databases = LevelResult(COMPLETED, DAY, processed_records=5, created=3, updated=2)
    itself = LevelResult(COMPLETED, DAY, processed_records=1, created=0, updated=1)

    result = InstanceResult(7, status=COMPLETED, database=databases, instance=itself)

    assert (result.created, result.updated) == (3, 3)


def test_a_level_says_which_windows_it_compared():
    level = LevelResult(
        COMPLETED, the("quarterly", "2025-06-30"), processed_records=2, created=1, updated=1, samples=9
    )

    assert level.as_dict() == {
        "status": "completed",
        "processed_records": 2,
        "created": 1,
        "updated": 1,
        "window": ["2025-04-01", "2025-06-30"],
        "previous_window": ["2025-01-01", "2025-03-31"],
        "samples": 9,
    }


def test_a_skipped_result_has_its_reason_as_message():
    result = InstanceResult.of(InstanceRef(7, "billing"), SKIPPED, "no_samples")

    assert (result.instance_name, result.error_code, str(result.message)) == (
        "billing",
        "no_samples",
        "no samples in the period",
    )

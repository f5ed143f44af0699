"""The period rows, all columns of them: what a roll-up makes of samples and day rows."""

from decimal import Decimal

import pytest

from capacity.tests.factories import make_instance
from capacity.tests.samples import (
    LARGEST,
    add_both,
    add_day,
    add_sample,
    aggregate,
    as_stored,
    database_row,
    database_rows,
    instance_row,
    instance_rows,
    sizes,
    the,
)

pytestmark = pytest.mark.django_db

DAY = the("daily", "2025-06-30")
QUARTER = the("quarterly", "2025-06-30")


@pytest.fixture
def instance():
    return make_instance("billing")


def test_a_database_row_has_every_column(instance):
    add_sample(instance, "app", "2025-01-01", 100, data=60, log=40)
    add_sample(instance, "app", "2025-03-31", 101, data=61, log=41)
    add_sample(instance, "app", "2025-04-01", 200, data=150, log=20)
    add_sample(instance, "app", "2025-06-30", 300, data=250, log=10)
    add_sample(instance, "app", "2025-06-30", 301, data=251, log=11)
    add_sample(instance, "app", "2024-12-31", 9999)
    add_sample(instance, "app", "2025-07-01", 9999)

    aggregate(QUARTER)

    assert database_rows() == [
        {
            "instance_id": instance.pk,
            "database_name": "app",
            "period_type": "quarterly",
            "period_start": QUARTER.start,
            "period_end": QUARTER.end,
            "sample_count": 3,
            "covered_days": 2,
            "avg_size_bytes": 267,
            "min_size_bytes": 200,
            "max_size_bytes": 301,
            "avg_data_size_bytes": 217,
            "min_data_size_bytes": 150,
            "max_data_size_bytes": 251,
            "avg_log_size_bytes": 14,
            "min_log_size_bytes": 10,
            "max_log_size_bytes": 20,
            "size_change_bytes": 267 - 101,  # 100.5, rounded before it is subtracted
            "size_change_percent": Decimal("164.36"),
            "data_size_change_bytes": 217 - 61,
            "data_size_change_percent": Decimal("255.74"),
            "log_size_change_bytes": 14 - 41,
            "log_size_change_percent": Decimal("-65.85"),
        }
    ]


def test_an_instance_row_has_every_column(instance):
    add_day(instance, "2025-01-01", 1000, databases=1)
    add_day(instance, "2025-03-31", 1001, databases=2)
    add_day(instance, "2025-04-01", 2000, databases=1)
    add_day(instance, "2025-06-29", 1000, databases=2)
    add_day(instance, "2025-06-30", 1100, databases=2)
    add_day(instance, "2024-12-31", 9999, databases=99)
    add_day(instance, "2025-07-01", 9999, databases=99)

    aggregate(QUARTER)

    assert instance_rows() == [
        {
            "instance_id": instance.pk,
            "period_type": "quarterly",
            "period_start": QUARTER.start,
            "period_end": QUARTER.end,
            "sample_count": 3,
            "covered_days": 3,
            "avg_total_size_bytes": 1367,
            "min_total_size_bytes": 1000,
            "max_total_size_bytes": 2000,
            "avg_database_count": Decimal("1.67"),
            "min_database_count": 1,
            "max_database_count": 2,
            "total_size_change_bytes": 1367 - 1001,
            "total_size_change_percent": Decimal("36.56"),
            "database_count_change": Decimal("0.17"),
            "database_count_change_percent": Decimal("11.33"),
            "trend_direction": "growing",
        }
    ]


def test_without_a_previous_period_there_is_no_change_and_the_trend_is_unknown(instance):
    add_both(instance, "2025-06-30", 500)

    aggregate(DAY)

    made_from = {"sample_count": 1, "covered_days": 1}
    assert database_rows() == [database_row(instance, "app", DAY, **made_from, **sizes(500))]
    assert instance_rows() == [
        instance_row(
            instance,
            DAY,
            **made_from,
            **sizes(500, of="total_size_bytes"),
            avg_database_count=Decimal("1.00"),
            min_database_count=1,
            max_database_count=1,
            trend_direction="unknown",
        )
    ]


def test_a_gap_of_one_period_leaves_the_change_unknown(instance):
    add_both(instance, "2025-06-28", 400)
    add_both(instance, "2025-06-30", 500)

    aggregate(DAY)

    assert database_rows()[0]["size_change_bytes"] is None
    assert instance_rows()[0]["trend_direction"] == "unknown"


def test_growth_from_zero_has_bytes_and_no_percent(instance):
    add_both(instance, "2025-06-29", 0)
    add_both(instance, "2025-06-30", 500)

    aggregate(DAY)

    [database], [total] = database_rows(), instance_rows()
    assert (database["size_change_bytes"], database["size_change_percent"]) == (500, None)
    assert (total["total_size_change_bytes"], total["total_size_change_percent"]) == (500, None)
    assert total["trend_direction"] == "unknown"


def test_a_database_that_went_to_zero_shrank_by_100_percent(instance):
    add_both(instance, "2025-06-29", 7)
    add_both(instance, "2025-06-30", 0)

    aggregate(DAY)

    assert database_rows()[0]["size_change_percent"] == Decimal("-100.00")
    assert instance_rows()[0]["trend_direction"] == "shrinking"


def test_data_and_log_are_made_from_the_samples_that_have_them(instance):
    add_sample(instance, "app", "2025-06-23", 10, data=100)
    add_sample(instance, "app", "2025-06-30", 10, data=50)
    add_sample(instance, "app", "2025-07-01", 20)
    add_sample(instance, "app", "2025-07-02", 30, data=101, log=0)
    week = the("weekly", "2025-06-30")

    aggregate(week)

    assert database_rows() == [
        database_row(
            instance,
            "app",
            week,
            sample_count=3,
            covered_days=3,
            **sizes(20, 10, 30),
            **sizes(76, 50, 101, of="data_size_bytes"),
            **sizes(0, of="log_size_bytes"),
            size_change_bytes=10,
            size_change_percent=Decimal("100.00"),
            data_size_change_bytes=-24,
            data_size_change_percent=Decimal("-24.00"),
        )
    ]


def test_a_row_says_on_how_many_days_it_is_based(instance):
    for day, size in [("2025-07-01", 1), ("2025-07-01", 2), ("2025-07-06", 3)]:
        add_sample(instance, "app", day, size)

    aggregate(the("weekly", "2025-07-01"))

    [row] = database_rows()
    assert (row["sample_count"], row["covered_days"]) == (3, 2)


@pytest.mark.parametrize("type", ["daily", "weekly", "monthly", "quarterly"])
def test_a_period_with_a_sample_every_day_is_covered_wholly(instance, type):
    period = the(type, "2025-08-13")
    for ordinal in range(period.start.toordinal() - 1, period.end.toordinal() + 2):
        add_both(instance, period.start.fromordinal(ordinal), 5)

    aggregate(period)

    assert [row["covered_days"] for row in database_rows() + instance_rows()] == [period.days] * 2


@pytest.mark.parametrize(("samples", "average"), [((1, 2), 2), ((1, 1, 2), 1), ((0, 1, 1), 1), ((0, 0, 0, 2), 1)])
def test_averages_are_rounded_half_up(instance, samples, average):
    for hour, size in enumerate(samples):
        add_sample(instance, "app", f"2025-07-0{hour + 1}", size)

    aggregate(the("monthly", "2025-07-01"))

    assert database_rows()[0]["avg_size_bytes"] == average


@pytest.mark.parametrize(
    ("before", "now", "percent"),
    [(800, 801, "0.13"), (800, 799, "-0.13"), (20000, 20001, "0.01"), (20000, 19999, "-0.01"), (3, 4, "33.33")],
)
def test_percents_are_rounded_half_away_from_zero(instance, before, now, percent):
    add_sample(instance, "app", "2025-06-29", before)
    add_sample(instance, "app", "2025-06-30", now)

    aggregate(DAY)

    assert database_rows()[0]["size_change_percent"] == Decimal(percent)


@pytest.mark.parametrize(
    ("before", "now", "percent", "trend"),
    [
        (10000, 10500, "5.00", "stable"),
        (10000, 9500, "-5.00", "stable"),
        (10000, 10501, "5.01", "growing"),
        (10000, 9499, "-5.01", "shrinking"),
        (100000, 105004, "5.00", "stable"),  # the percent that is shown decides
        (100000, 105005, "5.01", "growing"),
        (10000, 10000, "0.00", "stable"),
    ],
)
def test_the_trend_turns_beyond_five_percent(instance, before, now, percent, trend):
    add_day(instance, "2025-06-29", before)
    add_day(instance, "2025-06-30", now)

    aggregate(DAY)

    [row] = instance_rows()
    assert (row["total_size_change_percent"], row["trend_direction"]) == (Decimal(percent), trend)


def test_sizes_up_to_the_largest_are_averaged_exactly(instance):
    add_both(instance, "2025-06-29", LARGEST)
    add_both(instance, "2025-06-30", LARGEST - 1)
    add_sample(instance, "b", "2025-06-30", LARGEST // 2)
    add_sample(instance, "b", "2025-06-30", LARGEST // 2 - 2)

    aggregate(DAY)

    app, b = database_rows()
    assert (app["avg_size_bytes"], app["size_change_bytes"]) == (LARGEST - 1, -1)
    assert (b["avg_size_bytes"], b["min_size_bytes"]) == (LARGEST // 2 - 1, LARGEST // 2 - 2)
    assert instance_rows()[0]["avg_total_size_bytes"] == LARGEST - 1


def test_growth_from_one_byte_to_the_largest_size_fits(instance):
    add_both(instance, "2025-06-29", 1)
    add_both(instance, "2025-06-30", LARGEST)

    aggregate(DAY)

    expected = as_stored(Decimal((LARGEST - 1) * 100).quantize(Decimal("0.01")))
    assert database_rows()[0]["size_change_percent"] == expected
    assert instance_rows()[0]["total_size_change_percent"] == expected

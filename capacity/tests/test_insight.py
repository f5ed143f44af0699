"""The numbers of the dashboard, from rows made by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from capacity.insight.attention import failures
from capacity.insight.fleet import FleetChange, FleetPeriod, GroupTotal, coverage, history, read_fleet
from capacity.insight.growth import MONTH, WEEK
from capacity.models import Instance, InstanceSizeAggregation
from capacity.periods import PERIODS
from capacity.tests.factories import make_instance
from capacity.tests.samples import LARGEST, add_day, make_fleet, run, the

pytestmark = pytest.mark.django_db
TODAY = date(2025, 6, 30)  # a Monday


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning in Shanghai


def add_row(instance, period, average, percent=None):
    return InstanceSizeAggregation.objects.create(
        instance=instance,
        period_type=period.type,
        period_start=period.start,
        period_end=period.end,
        sample_count=1,
        covered_days=1,
        avg_total_size_bytes=average,
        min_total_size_bytes=average,
        max_total_size_bytes=average,
        avg_database_count=1,
        min_database_count=1,
        max_database_count=1,
        total_size_change_percent=percent,
        trend_direction="unknown",
        calculated_at=timezone.now(),
        created_at=timezone.now(),
    )


def names(instances):
    return [one.name for one in instances]


def test_the_fleet_is_the_latest_day_of_each_active_instance():
    first, second = make_instance("a"), make_instance("b")
    add_day(first, "2025-06-30", 10, databases=3)
    add_day(first, "2025-06-29", 1000, databases=9)
    add_day(second, "2025-01-01", 7, databases=2)
    add_day(make_instance("c", is_active=False), "2025-06-30", 100_000)
    make_instance("d")

    fleet = read_fleet(TODAY)

    assert (fleet.bytes, fleet.databases, fleet.inactive) == (17, 5, 1)
    assert names(fleet.instances) == ["a", "b", "d"]
    assert names(fleet.measured) == ["a", "b"]


def test_the_fleet_may_be_larger_than_a_column_holds():
    for _number in range(3):
        instance = make_instance()
        add_day(instance, "2025-06-23", 0)
        add_day(instance, "2025-06-30", LARGEST)

    fleet = read_fleet(TODAY)

    assert fleet.bytes == 3 * LARGEST
    assert fleet.change(WEEK) == FleetChange(3 * LARGEST, None, compared=3, left_out=0)


def test_a_change_compares_the_same_instances_now_and_then():
    both, new, silent, short = (make_instance(name) for name in ("both", "new", "silent", "short"))
    add_day(both, "2025-06-30", 150)
    add_day(both, "2025-06-23", 120)
    add_day(both, "2025-05-31", 100)
    add_day(new, "2025-06-30", 5000)
    add_day(silent, "2025-06-26", 900)  # four days ago
    add_day(silent, "2025-06-19", 100)
    add_day(short, "2025-06-27", 40)  # three days ago, which still counts
    add_day(short, "2025-06-17", 60)  # ten days before that, as there is none on the seventh

    fleet = read_fleet(TODAY)

    assert fleet.change(WEEK) == FleetChange(10, Decimal("5.56"), compared=2, left_out=2)
    assert fleet.change(MONTH) == FleetChange(50, Decimal("50.00"), compared=1, left_out=3)


def test_a_change_is_unknown_when_nothing_can_be_compared():
    add_day(make_instance(), "2025-06-30", 10)
    fleet = read_fleet(TODAY)
    assert (fleet.change(WEEK), fleet.change(MONTH)) == (None, None)


def test_the_largest_and_the_fastest_come_first_and_are_cut():
    for name, before, now in (("a", 100, 110), ("b", 50, 90), ("c", 10, 110), ("shrinks", 60, 20), ("same", 5, 5)):
        instance = make_instance(name)
        add_day(instance, "2025-05-31", before)
        add_day(instance, "2025-06-30", now)
    make_instance("never measured")

    fleet = read_fleet(TODAY)

    assert names(fleet.largest(3)) == ["a", "c", "b"]
    assert [(one.name, change) for one, change in fleet.fastest(2)] == [("c", 100), ("b", 40)]
    assert [(one.name, change) for one, change in fleet.fastest(9)] == [("c", 100), ("b", 40), ("a", 10)]


def test_the_totals_of_engines_are_of_their_active_instances():
    for name, engine, before, now in (("a", "mysql", 100, 150), ("b", "mysql", None, 7), ("c", "oracle", None, 900)):
        instance = make_instance(name, db_type=engine)
        if before:
            add_day(instance, "2025-05-31", before)
        add_day(instance, "2025-06-30", now, databases=2)
    add_day(make_instance("off", db_type="oracle", is_active=False), "2025-06-30", 5000)
    make_instance("never", db_type="sqlserver")

    assert read_fleet(TODAY).by_engine() == [
        GroupTotal("oracle", instances=1, databases=2, bytes=900, month_change=None),
        GroupTotal("mysql", instances=2, databases=4, bytes=157, month_change=50),
        GroupTotal("sqlserver", instances=1, databases=0, bytes=0, month_change=None),
    ]


def test_late_is_who_has_no_sample_for_more_than_two_days():
    for name, day in (("fresh", "2025-06-30"), ("in time", "2025-06-29"), ("late", "2025-06-28")):
        add_day(make_instance(name), day, 1)  # at three in the morning, and now it is six
    make_instance("never")
    Instance.objects.update(created_at=timezone.now() - timedelta(days=3))
    make_instance("just added")
    make_instance("off", is_active=False)

    assert names(read_fleet(TODAY).late(timezone.now())) == ["late", "never"]


def test_coverage_counts_the_active_instances_of_each_day():
    first, second = make_instance(), make_instance()
    for instance in (first, second, make_instance(is_active=False)):
        add_day(instance, "2025-06-28", 1)
    add_day(first, "2025-06-30", 1)
    add_day(first, "2025-06-26", 1)  # before

    assert coverage(TODAY, 4) == {
        date(2025, 6, 27): 0,
        date(2025, 6, 28): 2,
        date(2025, 6, 29): 0,
        date(2025, 6, 30): 1,
    }


def test_history_may_be_larger_than_a_column_holds():
    day = the("daily", "2025-06-30")
    for _number in range(3):
        add_row(make_instance(), day, LARGEST)
    assert history("daily", TODAY, 3) == [FleetPeriod(day, 3 * LARGEST, 3)]


def test_history_adds_up_the_averages_and_carries_on_an_instance_that_is_missing():
    first, second, off = make_instance(), make_instance(), make_instance(is_active=False)
    weeks = [the("weekly", day) for day in ("2025-06-04", "2025-06-11", "2025-06-18", "2025-06-25")]
    add_row(first, weeks[0], 100)
    add_row(second, weeks[0], 7)
    add_row(off, weeks[0], 5000)
    add_row(first, weeks[1], 110)  # without the second
    add_row(first, weeks[3], 130)  # no row of week 2 at all
    add_row(second, weeks[3], 9)
    add_row(first, the("monthly", "2025-05-01"), 1)

    assert history("weekly", TODAY, 30) == [
        FleetPeriod(weeks[0], 107, 2),
        FleetPeriod(weeks[1], 117, 1),
        FleetPeriod(weeks[2], None, 0),
        FleetPeriod(weeks[3], 139, 2),
    ]


def test_history_ends_with_the_current_period_and_goes_back_as_far_as_asked():
    instance = make_instance()
    for day in range(1, 31):
        add_row(instance, the("daily", f"2025-06-{day:02}"), LARGEST)
    add_row(make_instance(), the("daily", "2025-06-29"), LARGEST)

    points = history("daily", TODAY, 3)

    assert [(str(point.period.start), point.bytes) for point in points] == [
        ("2025-06-28", LARGEST),
        ("2025-06-29", 2 * LARGEST),
        ("2025-06-30", 2 * LARGEST),
    ]


@pytest.mark.parametrize("type", PERIODS)
def test_history_is_empty_without_rows(type):
    make_instance()
    assert history(type, TODAY, 30) == []


@pytest.mark.parametrize(
    "figure",
    [
        lambda: read_fleet(TODAY),
        lambda: coverage(TODAY, 30),
        lambda: history("daily", TODAY, 30),
        failures,
    ],
    ids=["fleet", "coverage", "history", "failures"],
)
def test_each_costs_three_queries_at_most_whatever_the_fleet(figure):
    run(the("daily", "2025-06-28"))
    make_fleet(40, "2025-06-29")
    add_day(make_instance(), str(TODAY - timedelta(days=30)), 1)
    run(the("daily", "2025-06-29"))
    with CaptureQueriesContext(connection) as queries:
        figure()
    assert 1 <= len(queries) <= 3

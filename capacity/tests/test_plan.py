from datetime import date

import pytest

from capacity.aggregation.arguments import Which, plan_periods, plan_range
from capacity.aggregation.due import stale_instances, stale_periods
from capacity.errors import PeriodError
from capacity.inventory.selection import refs
from capacity.periods import PERIOD_CONFIG, parse_periods
from capacity.tests.factories import make_instance
from capacity.tests.samples import mark, the

TODAY = date(2025, 7, 1)  # a Tuesday, and the first day of a quarter


def named(periods):
    return [(period.type, period.start.isoformat()) for period in periods]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("which", "starts"),
    [
        (Which.DEFAULT, ["2025-07-01", "2025-06-23", "2025-06-01", "2025-04-01"]),
        (Which.CURRENT, ["2025-07-01", "2025-06-30", "2025-07-01", "2025-07-01"]),
        (Which.LAST, ["2025-06-30", "2025-06-23", "2025-06-01", "2025-04-01"]),
    ],
)
def test_a_caller_means_a_period_of_each_type(which, starts):
    periods = plan_periods(PERIOD_CONFIG, which, TODAY)

    assert named(periods) == list(zip(["daily", "weekly", "monthly", "quarterly"], starts, strict=True))


@pytest.mark.unit
def test_only_the_given_types_are_planned_in_their_order():
    periods = plan_periods(parse_periods(["monthly", "daily"]), Which.LAST, TODAY)

    assert named(periods) == [("monthly", "2025-06-01"), ("daily", "2025-06-30")]


@pytest.mark.unit
def test_a_range_plans_every_period_wholly_inside_oldest_first_per_type():
    periods = plan_range(parse_periods(["weekly", "monthly", "quarterly"]), date(2025, 6, 1), date(2025, 7, 31))

    weeks = ["2025-06-02", "2025-06-09", "2025-06-16", "2025-06-23", "2025-06-30", "2025-07-07", "2025-07-14"]
    assert named(periods) == [
        *[("weekly", start) for start in [*weeks, "2025-07-21"]],
        ("monthly", "2025-06-01"),
        ("monthly", "2025-07-01"),
    ]


@pytest.mark.unit
def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(PeriodError, match="the range is empty"):
        plan_range(PERIOD_CONFIG, date(2025, 7, 2), date(2025, 7, 1))


@pytest.mark.django_db
def test_stale_are_the_complete_marked_periods_of_active_instances_oldest_first(django_assert_num_queries):
    first, second = make_instance(), make_instance()
    retired = make_instance(is_active=False)
    for instance in (first, second):
        for type, day in [
            ("quarterly", "2025-04-01"),
            ("daily", "2025-06-29"),
            ("daily", "2025-06-30"),
            ("monthly", "2025-06-01"),
            ("weekly", "2025-06-23"),
            ("daily", "2025-07-01"),  # today is not complete
            ("weekly", "2025-06-30"),
            ("monthly", "2025-07-01"),
        ]:
            mark(instance, the(type, day))
    mark(retired, the("daily", "2025-06-20"))

    with django_assert_num_queries(1):
        periods = stale_periods(PERIOD_CONFIG, TODAY)

    assert named(periods) == [
        ("daily", "2025-06-29"),
        ("weekly", "2025-06-23"),
        ("daily", "2025-06-30"),
        ("monthly", "2025-06-01"),
        ("quarterly", "2025-04-01"),
    ]


@pytest.mark.django_db
def test_stale_periods_are_cut_by_type_and_by_the_day_they_end():
    instance = make_instance()
    for day in ("2025-06-01", "2025-06-02", "2025-06-03"):
        mark(instance, the("daily", day))
    mark(instance, the("weekly", "2025-06-02"))

    found = stale_periods(parse_periods(["daily"]), TODAY, since=date(2025, 6, 2))

    assert named(found) == [("daily", "2025-06-02"), ("daily", "2025-06-03")]


@pytest.mark.django_db
def test_nothing_is_stale_without_marks():
    make_instance()

    assert stale_periods(PERIOD_CONFIG, TODAY) == []


@pytest.mark.django_db
def test_the_stale_instances_of_a_period_are_the_active_marked_ones_in_key_order():
    period = the("daily", "2025-06-30")
    fleet = [make_instance() for _ in range(3)]
    for instance in [*reversed(fleet[:2]), make_instance(is_active=False)]:
        mark(instance, period)
    mark(fleet[2], the("daily", "2025-06-29"))

    assert stale_instances(period) == refs(fleet[:2])

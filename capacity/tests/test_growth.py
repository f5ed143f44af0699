"""The latest size of an instance and how it has grown."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from capacity.insight.growth import daily_sizes, days_until
from capacity.models import InstanceState
from capacity.units import percent

from .factories import make_instance
from .samples import add_day, moment

COLUMNS = ("last_size_bytes", "last_database_count", "week_change_bytes", "month_change_bytes")


def grown(instance):
    return InstanceState.objects.filter(instance=instance).values_list(*COLUMNS).get()


@pytest.mark.django_db
def test_growth_counts_from_the_latest_day_not_from_today():
    instance = make_instance()
    for day, total in [("2025-01-30", 70), ("2025-02-22", 90), ("2025-02-28", 95), ("2025-03-01", 100)]:
        add_day(instance, day, total, databases=3)
    assert grown(instance) == (100, 3, 10, 30)
    state = InstanceState.objects.get()
    assert (state.first_day, state.last_day, state.last_sample_at) == (
        date(2025, 1, 30),
        date(2025, 3, 1),
        moment("2025-03-01"),
    )
    assert (state.week_change_percent, state.month_change_percent) == (Decimal("11.11"), Decimal("42.86"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("day", "stands_for_it"),
    [("2025-03-14", False), ("2025-03-13", True), ("2025-03-10", True), ("2025-03-09", False)],
)
def test_a_day_up_to_three_older_stands_for_a_week_ago(day, stands_for_it):
    instance = make_instance()
    add_day(instance, "2025-03-20", 100)
    add_day(instance, day, 80)
    assert grown(instance)[2] == (20 if stands_for_it else None)


@pytest.mark.django_db
def test_the_newest_of_the_days_that_may_stand_for_it_does():
    instance = make_instance()
    for day, total in [("2025-03-20", 100), ("2025-03-11", 70), ("2025-03-12", 60)]:
        add_day(instance, day, total)
    assert grown(instance)[2] == 40


@pytest.mark.django_db
def test_the_days_of_another_instance_are_not_its_own():
    one, other = make_instance(), make_instance()
    add_day(one, "2025-03-20", 100)
    add_day(other, "2025-03-13", 1)
    assert grown(one) == (100, 1, None, None)


@pytest.mark.django_db
def test_the_largest_sizes_there_are_have_a_change():
    instance = make_instance()
    add_day(instance, "2025-03-20", 0)
    add_day(instance, "2025-03-13", 2**63 - 1)
    assert grown(instance)[2] == -(2**63 - 1)


@pytest.mark.django_db
def test_daily_sizes_take_both_ends_and_only_those_asked_for(django_assert_num_queries):
    one, other, third = make_instance(), make_instance(), make_instance()
    for day in ("2025-03-01", "2025-03-02", "2025-03-03", "2025-03-04"):
        add_day(one, day, 5)
    add_day(other, "2025-03-02", 6)
    add_day(third, "2025-03-02", 7)
    with django_assert_num_queries(1):
        sizes = daily_sizes([one.pk, other.pk], date(2025, 3, 2), date(2025, 3, 3))
    assert sizes == {one.pk: {date(2025, 3, 2): 5, date(2025, 3, 3): 5}, other.pk: {date(2025, 3, 2): 6}}


@pytest.mark.unit
@pytest.mark.parametrize(
    ("change", "before", "expected"),
    [
        (1, 3, "33.33"),
        (1, 800, "0.13"),
        (-1, 800, "-0.13"),
        (10**13, 1, "1000000000000000.00"),
        (2**63 - 2, 1, "922337203685477580600.00"),
        (5, 0, None),
    ],
)
def test_percent_is_rounded_half_away_from_zero(change, before, expected):
    assert percent(change, before) == (expected and Decimal(expected))


@pytest.mark.unit
def test_days_until_ends_with_the_last():
    assert days_until(date(2025, 3, 1), 3) == [date(2025, 2, 27), date(2025, 2, 28), date(2025, 3, 1)]
    assert days_until(date(2025, 3, 1), 400)[0] == date(2025, 3, 1) - timedelta(days=399)

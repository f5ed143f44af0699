"""Periods against an oracle that knows only the calendar module."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capacity.periods import PERIODS, Period

pytestmark = pytest.mark.unit

DAY = timedelta(days=1)
days = st.dates(date(3, 1, 1), date(9997, 12, 31))
types = st.sampled_from(PERIODS)
moments = st.datetimes(datetime(1995, 1, 1), datetime(2045, 1, 1), timezones=st.just(UTC))


def oracle(type, day):
    """First and last day, by counting on the calendar."""
    if type == "daily":
        return day, day
    if type == "weekly":
        monday = day
        while calendar.weekday(monday.year, monday.month, monday.day) != calendar.MONDAY:
            monday -= DAY
        return monday, monday + 6 * DAY
    months = [day.month] if type == "monthly" else next(q for q in QUARTERS if day.month in q)
    return date(day.year, months[0], 1), date(day.year, months[-1], calendar.monthrange(day.year, months[-1])[1])


QUARTERS = ([1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12])


@given(types, days)
@example("weekly", date(2025, 1, 1))
@example("monthly", date(2024, 2, 29))
@example("quarterly", date(2025, 6, 30))
def test_a_period_has_the_days_that_the_calendar_gives_it(type, day):
    period = Period.containing(type, day)

    assert (period.type, period.start, period.end) == (type, *oracle(type, day))
    assert period.days == len(range(period.start.toordinal(), period.end.toordinal() + 1))


@given(types, days)
def test_every_day_of_a_period_lies_in_it(type, day):
    period = Period.containing(type, day)

    assert {Period.containing(type, period.start + n * DAY) for n in range(period.days)} == {period}


@given(types, days)
def test_periods_tile_the_calendar_without_gap_or_overlap(type, day):
    period = Period.containing(type, day)

    assert period.previous().end + DAY == period.start
    assert period.end + DAY == period.following().start
    assert period.previous().following() == period == period.following().previous()


@given(types, days, st.integers(0, 400))
def test_within_gives_exactly_the_periods_inside(type, first, length):
    last = first + length * DAY
    windows = {oracle(type, first + n * DAY) for n in range(length + 1)}

    found = Period.within(type, first, last)

    inside = sorted(window for window in windows if first <= window[0] and window[1] <= last)
    assert [(period.start, period.end) for period in found] == inside


@given(types, days)
def test_the_last_complete_period_is_complete_and_its_successor_is_not(type, day):
    period = Period.last_complete(type, day)

    assert period.is_complete(day)
    assert not period.following().is_complete(day)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"])
@given(moment=moments)
@example(moment=datetime(2025, 3, 9, 6, 59, 59, 999999, tzinfo=UTC))  # New York goes forward,
@example(moment=datetime(2025, 3, 9, 7, 0, tzinfo=UTC))
@example(moment=datetime(2025, 11, 2, 5, 30, tzinfo=UTC))  # and back: 01:30 for the first
@example(moment=datetime(2025, 11, 2, 6, 30, tzinfo=UTC))  # and for the second time
def test_every_moment_lies_in_exactly_one_daily_period(zone, moment):
    zone = ZoneInfo(zone)
    period = Period.containing("daily", moment.astimezone(zone).date())

    def midnight(day):
        return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)

    near = [
        period.previous().previous(),
        period.previous(),
        period,
        period.following(),
        period.following().following(),
    ]
    holding = [one for one in near if midnight(one.start) <= moment < midnight(one.following().start)]
    assert holding == [period]


@given(types, days, st.integers(-40, 400))
@example("weekly", date(2025, 3, 4), 3)
@example("quarterly", date(2025, 1, 1), 89)
def test_the_periods_within_a_range_are_counted_without_making_them(type, first, length):
    last = min(max(first + length * DAY, date(3, 1, 1)), date(9997, 12, 31))

    expected = len(Period.within(type, first, last)) if first <= last else 0

    assert Period.count_within(type, first, last) == expected

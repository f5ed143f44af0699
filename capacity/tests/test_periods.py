from datetime import UTC, date, datetime

import pytest

from capacity.errors import PeriodError
from capacity.periods import PERIOD_CONFIG, PERIODS, Crontab, Period, PeriodConfig, parse_periods, period_config, today

pytestmark = pytest.mark.unit

ALLOWED = "daily, weekly, monthly, quarterly"


def dates(*texts):
    return tuple(date.fromisoformat(text) for text in texts)


def period(type, start, end):
    return Period(type, *dates(start, end))


@pytest.mark.parametrize(
    ("type", "day", "start", "end"),
    [
        ("daily", "2025-06-30", "2025-06-30", "2025-06-30"),
        ("daily", "2024-02-29", "2024-02-29", "2024-02-29"),
        ("weekly", "2025-06-30", "2025-06-30", "2025-07-06"),  # a Monday
        ("weekly", "2025-07-06", "2025-06-30", "2025-07-06"),  # a Sunday
        ("weekly", "2025-01-01", "2024-12-30", "2025-01-05"),  # across the year
        ("weekly", "2021-01-03", "2020-12-28", "2021-01-03"),  # ISO week 53
        ("monthly", "2025-02-14", "2025-02-01", "2025-02-28"),
        ("monthly", "2024-02-29", "2024-02-01", "2024-02-29"),
        ("monthly", "1900-02-01", "1900-02-01", "1900-02-28"),  # no leap year
        ("monthly", "2000-02-01", "2000-02-01", "2000-02-29"),
        ("monthly", "2025-12-31", "2025-12-01", "2025-12-31"),
        ("quarterly", "2025-01-01", "2025-01-01", "2025-03-31"),
        ("quarterly", "2025-06-30", "2025-04-01", "2025-06-30"),
        ("quarterly", "2025-08-15", "2025-07-01", "2025-09-30"),
        ("quarterly", "2025-12-31", "2025-10-01", "2025-12-31"),
    ],
)
def test_a_day_lies_in_its_calendar_period(type, day, start, end):
    assert Period.containing(type, date.fromisoformat(day)) == period(type, start, end)


@pytest.mark.parametrize(
    ("type", "day", "start", "end"),
    [
        ("daily", "2025-01-01", "2024-12-31", "2024-12-31"),
        ("daily", "2024-03-01", "2024-02-29", "2024-02-29"),
        ("weekly", "2025-01-06", "2024-12-30", "2025-01-05"),
        ("monthly", "2025-03-31", "2025-02-01", "2025-02-28"),
        ("monthly", "2025-01-31", "2024-12-01", "2024-12-31"),
        ("quarterly", "2025-05-20", "2025-01-01", "2025-03-31"),
        ("quarterly", "2025-02-01", "2024-10-01", "2024-12-31"),
    ],
)
def test_the_previous_period_is_the_whole_calendar_period_before(type, day, start, end):
    assert Period.containing(type, date.fromisoformat(day)).previous() == period(type, start, end)


@pytest.mark.parametrize(
    ("type", "day", "start", "end"),
    [
        ("daily", "2025-12-31", "2026-01-01", "2026-01-01"),
        ("weekly", "2024-12-25", "2024-12-30", "2025-01-05"),
        ("monthly", "2024-01-31", "2024-02-01", "2024-02-29"),
        ("quarterly", "2025-11-11", "2026-01-01", "2026-03-31"),
    ],
)
def test_the_following_period_is_the_whole_calendar_period_after(type, day, start, end):
    assert Period.containing(type, date.fromisoformat(day)).following() == period(type, start, end)


@pytest.mark.parametrize(
    ("type", "day", "days"),
    [
        ("daily", "2025-06-30", 1),
        ("weekly", "2025-06-30", 7),
        ("monthly", "2024-02-10", 29),
        ("quarterly", "2024-02-10", 91),
        ("quarterly", "2025-02-10", 90),
        ("quarterly", "2025-09-10", 92),
    ],
)
def test_a_period_knows_how_many_days_it_has(type, day, days):
    assert Period.containing(type, date.fromisoformat(day)).days == days


def test_a_period_is_complete_on_the_day_after_its_end():
    june = period("monthly", "2025-06-01", "2025-06-30")

    assert [june.is_complete(day) for day in dates("2025-06-01", "2025-06-30", "2025-07-01")] == [False, False, True]


def test_last_complete_is_yesterday_last_week_last_month_and_last_quarter():
    day = date(2025, 1, 1)

    assert [Period.last_complete(type, day) for type in PERIODS] == [
        period("daily", "2024-12-31", "2024-12-31"),
        period("weekly", "2024-12-23", "2024-12-29"),
        period("monthly", "2024-12-01", "2024-12-31"),
        period("quarterly", "2024-10-01", "2024-12-31"),
    ]


def test_by_hand_daily_is_today_and_the_others_the_last_complete_period():
    day = date(2025, 6, 30)

    assert [Period.by_default(type, day) for type in PERIODS] == [
        period("daily", "2025-06-30", "2025-06-30"),
        period("weekly", "2025-06-23", "2025-06-29"),
        period("monthly", "2025-05-01", "2025-05-31"),
        period("quarterly", "2025-01-01", "2025-03-31"),
    ]


@pytest.mark.parametrize(
    ("type", "first", "last", "starts"),
    [
        ("daily", "2024-02-28", "2024-03-01", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ("weekly", "2025-06-30", "2025-07-13", ["2025-06-30", "2025-07-07"]),
        ("weekly", "2025-07-01", "2025-07-12", []),
        ("weekly", "2025-07-01", "2025-07-13", ["2025-07-07"]),
        ("monthly", "2024-12-31", "2025-02-28", ["2025-01-01", "2025-02-01"]),
        ("quarterly", "2025-01-01", "2025-12-30", ["2025-01-01", "2025-04-01", "2025-07-01"]),
        ("daily", "2025-06-30", "2025-06-30", ["2025-06-30"]),
    ],
)
def test_within_gives_the_periods_wholly_inside_oldest_first(type, first, last, starts):
    found = Period.within(type, *dates(first, last))

    assert [found.start.isoformat() for found in found] == starts


def test_within_refuses_a_range_that_ends_before_it_begins():
    with pytest.raises(PeriodError, match="the range is empty: 2025-07-02 is after 2025-07-01"):
        Period.within("daily", *dates("2025-07-02", "2025-07-01"))


@pytest.mark.parametrize("day", [date.min, date(1, 12, 31), date(9999, 1, 1), date.max])
@pytest.mark.parametrize("type", PERIODS)
def test_a_day_at_the_ends_of_the_calendar_is_refused(type, day):
    with pytest.raises(PeriodError, match=f"{day} is out of range: give a date of this era"):
        Period.containing(type, day)


@pytest.mark.parametrize("day", [date(2, 1, 1), date(9998, 12, 31)])
@pytest.mark.parametrize("type", PERIODS)
def test_the_last_days_that_are_accepted_have_a_period(type, day):
    found = Period.containing(type, day)

    assert found.start <= day <= found.end


@pytest.mark.parametrize("name", ["yearly", "Daily", "", " daily", None, 5])
def test_an_unknown_period_type_is_refused_with_the_allowed_ones(name):
    with pytest.raises(PeriodError) as refused:
        period_config(name)

    assert str(refused.value) == f"{name!r} is not a period type: it must be one of {ALLOWED}"
    assert refused.value.code == "invalid_period"


@pytest.mark.parametrize("names", [None, [], (), iter(())])
def test_no_list_of_periods_means_all(names):
    assert parse_periods(names) == list(PERIOD_CONFIG)


def test_a_list_of_periods_ignores_case_blanks_and_duplicates_and_keeps_its_order():
    names = [" Monthly ", "daily", "MONTHLY", "daily\n"]

    assert [config.key for config in parse_periods(names)] == ["monthly", "daily"]


@pytest.mark.parametrize("wrong", ["yearly", "", "  ", None, 7, "day"])
def test_one_unknown_name_in_a_list_refuses_the_list(wrong):
    with pytest.raises(PeriodError, match=f"it must be one of {ALLOWED}"):
        parse_periods(["daily", wrong])


def test_a_period_error_is_a_validation_error_that_forms_and_the_api_can_show():
    with pytest.raises(PeriodError) as refused:
        parse_periods(["hourly"])

    assert refused.value.messages == [f"'hourly' is not a period type: it must be one of {ALLOWED}"]


@pytest.mark.parametrize("length", [{}, {"days": 7, "months": 1}])
def test_an_entry_of_the_table_needs_exactly_one_length(length):
    with pytest.raises(ValueError, match="needs a length: either days or months"):
        PeriodConfig("odd", "Odd", "calculate_odd", current_by_default=False, crontab=Crontab("0", "4"), **length)


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("Asia/Shanghai", datetime(2025, 6, 29, 15, 59, 59, tzinfo=UTC), "2025-06-29"),
        ("Asia/Shanghai", datetime(2025, 6, 29, 16, 0, tzinfo=UTC), "2025-06-30"),
        ("Asia/Kolkata", datetime(2025, 6, 29, 18, 29, 59, tzinfo=UTC), "2025-06-29"),
        ("Asia/Kolkata", datetime(2025, 6, 29, 18, 30, tzinfo=UTC), "2025-06-30"),
        ("America/New_York", datetime(2025, 3, 9, 4, 59, 59, tzinfo=UTC), "2025-03-08"),  # clocks go forward
        ("America/New_York", datetime(2025, 3, 10, 3, 59, 59, tzinfo=UTC), "2025-03-09"),
        ("America/New_York", datetime(2025, 11, 3, 4, 59, 59, tzinfo=UTC), "2025-11-02"),  # and back
        ("America/New_York", datetime(2025, 11, 3, 5, 0, tzinfo=UTC), "2025-11-03"),
    ],
)
def test_today_is_the_date_in_the_products_time_zone(settings, time_machine, zone, now, expected):
    settings.TIME_ZONE = zone
    time_machine.move_to(now, tick=False)

    assert today().isoformat() == expected

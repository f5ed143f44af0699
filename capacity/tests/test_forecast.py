from datetime import timedelta
from math import sqrt

import pytest

from capacity.insight.forecast import NamedJump, Range, forecast
from capacity.insight.robust import theil_sen
from capacity.insight.trend import Trend
from capacity.insight.weeks import weekly_means
from capacity.tests.days import LAST, daily, weekly

pytestmark = pytest.mark.unit


def ago(days):
    return LAST - timedelta(days=days)


def ahead(days):
    return LAST + timedelta(days=days)


def growing(weeks, start=1000, by=10):
    return [start + by * week for week in range(weeks)]


def growth(*sizes):
    """Per week, of weeks of these sizes."""
    return Trend(weekly_means(weekly(*sizes))).weekly


def test_a_straight_line_goes_on():
    # 1,000 to 1,130 in 14 weeks; size: the median, 1,065.
    found = forecast(weekly(*growing(14)))
    assert (found.level, found.weekly, found.spread) == (1130, 10, 0)
    half = 1.2816 * 0.35 * 10 * 30 / 7 + 0.001 * 1065
    expected = 1130 + 10 * 33 / 7
    assert found.ranges[30] == pytest.approx(Range(expected, expected - half, expected + half), rel=1e-12)
    assert found.ranges[180].size == pytest.approx(1130 + 10 * 183 / 7, rel=1e-12)
    assert set(found.ranges) == {30, 90, 180}


def test_the_range_grows_with_the_spread_of_the_differences():
    # Differences 10, 30, 10, 30: median 20, MAD 14.826, deviation 10. Level 1,080, size 1,040.
    found = forecast(weekly(1000, 1010, 1040, 1050, 1080))
    assert found.weekly == 20  # slopes 10 20 50/3 20 30 20 70/3 10 20 30
    assert found.spread == pytest.approx(14.826)
    w, n = 90 / 7, 4
    half = 1.2816 * sqrt(14.826**2 * (w + w * w / n + 0.25) + (0.35 * 20 * w) ** 2) + 1.04
    assert found.ranges[90].high - found.ranges[90].size == pytest.approx(half, rel=1e-12)
    assert found.ranges[90].size - found.ranges[90].low == pytest.approx(half, rel=1e-12)


def test_a_jump_still_counts_by_half_its_deviation():
    # Differences 0 but one of 600: without it all are 0, with it the deviation is 600 * sqrt(0.2 * 0.8).
    assert forecast(weekly(1000, 1000, 1000, 1600, 1600, 1600)).spread == pytest.approx(120)


def test_the_quarter_and_the_year_are_averaged_from_26_weeks_on():
    slow, fast = growing(13, by=2), growing(13, start=1026, by=10)
    every_other = [*enumerate(slow[1::2]), *enumerate(fast[::2], 6)]
    assert growth(*slow, *fast) == pytest.approx((10 + theil_sen(every_other) / 2) / 2)
    assert growth(*fast) == 10
    assert growth(*slow[1:], *fast) == 10  # of 25 weeks the last 13 alone


def test_of_a_year_every_other_week_counted_from_the_last_one_counts():
    sizes = growing(30)
    for index in range(0, 17, 2):  # those that are not looked at, before the quarter
        sizes[index] -= 9
    assert growth(*sizes) == 10


def test_of_a_load_that_fades_the_newer_half_counts():
    # 13 weeks: 40 a week for six, then 4. The newer half from the seventh point on.
    assert growth(*growing(7, by=40), *growing(6, start=1244, by=4)) == 4


def test_a_fading_growth_of_less_than_a_tenth_is_no_load():
    assert growth(*growing(7, by=10), *growing(6, start=1061, by=1)) > 1


def test_allocated_files_grow_by_their_steps_on_average():
    # Three steps of 50 in 12 weeks, flat between them.
    sizes = [1000] * 4 + [1050] * 4 + [1100] * 3 + [1150] * 2
    assert growth(*sizes) == 150 / 12


def test_one_step_is_not_how_a_file_grows():
    assert growth(*[1000] * 3, *[1040] * 10) == 0


def test_a_file_that_was_cut_back_does_not_grow_by_steps():
    assert growth(*[1000] * 4, *[1050] * 4, *[1045] * 3, *[1095] * 4) != pytest.approx(95 / 14)


def test_jumps_are_named_with_their_day_and_size():
    days = daily(*[1000] * 40, *[400] * 30)
    [jump] = forecast(days).jumps
    assert (jump.day, jump.bytes) == (ago(29), pytest.approx(-600))


def test_a_load_and_a_later_purge_are_two_jumps():
    days = daily(*[1000] * 35, *[1500] * 35, *[900] * 21)
    assert forecast(days).jumps == (NamedJump(ago(55), 500), NamedJump(ago(20), -600))


def test_headroom_is_the_highest_peak_above_the_line_of_five_weeks():
    days = weekly(*growing(10, by=0), peaks={-34: 1200, -35: 1900, 0: 1100})
    assert forecast(days).headroom == 200


def test_headroom_follows_the_line_back():
    # 30 days ago the line is at 1,090 + 10 * -27 / 7.
    days = weekly(*growing(10), peaks={-30: 1300})
    assert forecast(days).headroom == pytest.approx(1300 - (1090 - 10 * 27 / 7))


def test_peaks_before_the_last_jump_are_over():
    days = weekly(*[2000] * 7, *[1000] * 3)
    assert forecast(days).headroom == 0


def test_the_date_is_the_first_day_on_which_the_line_with_its_peaks_is_there():
    # The line is at 1,130 + 10 * (h + 3) / 7 and the last peak 20 above it: 1,200 less 20 on day 32.
    days = weekly(*growing(14), peaks={0: 1130 + 30 / 7 + 20})
    found = forecast(days, 1200)
    assert found.headroom == pytest.approx(20)
    assert (found.state, found.expected_on) == ("date", ahead(32))
    assert found.earliest_on < found.expected_on < found.latest_on
    assert found.ranges[30].size + 20 < 1200


def test_earliest_and_latest_are_where_the_range_meets_the_limit():
    found = forecast(weekly(*growing(14)), 1200)

    def meets(day, sign):
        return 1130 + 10 * (day + 3) / 7 + sign * (1.2816 * 3.5 * day / 7 + 1.065) + found.headroom >= 1200

    assert found.earliest_on == ahead(next(day for day in range(731) if meets(day, 1)))
    assert found.latest_on == ahead(next(day for day in range(731) if meets(day, -1)))


def test_a_latest_day_after_two_years_is_open():
    found = forecast(weekly(*growing(14)), 1900)
    assert (found.expected_on, found.latest_on) == (ahead(533), None)


@pytest.mark.parametrize(
    ("sizes", "limit", "state"),
    [
        (growing(3), 1025, "too_little_history"),
        (growing(14), 1130, "over"),
        (growing(14), 1200, "date"),
        (growing(14), None, "no_limit"),
        (growing(14), 9000, "growing_slowly"),
        (growing(14, by=0), 1100, "flat"),
        (growing(14, by=-10), 1100, "shrinking"),
        (growing(14, by=-10), 800, "over"),
        ([100, 300, 500, 600, 700], 900_000, "new"),
        ([100, 300, 500, 600, 700], None, "new"),
    ],
)
def test_the_state_says_why_there_is_a_date_or_none(sizes, limit, state):
    found = forecast(weekly(*sizes), limit)
    assert found.state == state
    has_date = state == "date"
    assert [day is not None for day in (found.expected_on, found.earliest_on)] == [has_date, has_date]


def test_a_database_that_is_being_loaded_may_have_a_date_of_low_confidence():
    found = forecast(weekly(100, 300, 500, 600, 700), 1000)
    assert (found.state, found.confidence, found.expected_on is not None) == ("new", "low", True)


def test_what_doubled_in_more_than_a_quarter_is_not_new():
    assert forecast(weekly(*growing(13, start=100)), None).state == "no_limit"
    assert forecast(daily(*growing(90, start=100)), None).state == "new"


@pytest.mark.parametrize(
    ("days", "confidence"), [(55, "low"), (56, "medium"), (90, "medium"), (91, "high"), (500, "high")]
)
def test_confidence_comes_with_history(days, confidence):
    assert forecast(daily(*growing(days))).confidence == confidence


def test_under_four_weeks_the_days_are_counted():
    found = forecast(daily(*growing(12)), 2000)
    assert (found.state, found.days, found.ranges, found.level) == ("too_little_history", 12, {}, 1080)


def test_days_before_the_last_year_are_not_looked_at():
    days = daily(*[5000] * 100, *growing(364))
    assert forecast(days) == forecast(days.since(days.days[100]))

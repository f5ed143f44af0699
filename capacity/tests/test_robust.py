import pytest

from capacity.insight.robust import deviation, mad, median, theil_sen
from capacity.insight.weeks import Jump, Point, differences, runs, take_out_jumps, weekly_means
from capacity.tests.days import LAST, daily, weekly

pytestmark = pytest.mark.unit


def points(*sizes):
    """A point per week, the last one of week 0; None is a week without."""
    return [Point(index - len(sizes) + 1, size) for index, size in enumerate(sizes) if size is not None]


@pytest.mark.parametrize(("values", "middle"), [([3], 3), ([1, 9, 2], 2), ([4, 1, 2, 9], 3)])
def test_the_median_is_the_middle_or_the_mean_of_two(values, middle):
    assert median(values) == middle


def test_the_deviations_are_those_of_the_books():
    assert mad([1, 1, 2, 2, 4, 6, 9]) == 1.4826  # deviations from 2: 1 1 0 0 2 4 7
    assert deviation([2, 4, 4, 4, 5, 5, 7, 9]) == 2
    assert mad([]) == deviation([]) == 0


def test_theil_sen_is_the_median_of_all_slopes():
    # Slopes: 1, 9, 4, 17, 8, -1
    assert theil_sen([(0, 0), (1, 1), (2, 18), (3, 17)]) == pytest.approx((17 / 3 + 8) / 2)
    assert theil_sen([(0, 5)]) == 0


def test_a_gap_counts_with_its_length():
    assert theil_sen([(-5, 10), (0, 20)]) == 2
    assert differences(points(10, 12, None, None, 18)) == [2, 2]


def test_weeks_are_counted_back_from_the_last_day():
    days = daily(*range(1, 16))
    assert weekly_means(days) == [Point(-2, 1), Point(-1, 5), Point(0, 12)]


def test_missing_days_and_weeks_are_left_out():
    days = daily(10, *[None] * 13, 1, None, None, 3, None, None, 8)
    assert weekly_means(days) == [Point(-2, 10), Point(0, 4)]


def test_since_is_the_end_of_a_series_from_a_day_on():
    series = weekly(1, 2)
    assert series.since(LAST.toordinal()) == daily(2)
    assert series.since(series.days[0]) == series


def test_runs_are_stretches_of_neighbours():
    assert runs([5, 6, 0, 7, 0, 0, 8], lambda value: value > 0) == [[0, 1], [3], [6]]
    assert runs([], bool) == []


def test_one_purge_is_taken_out_and_the_growth_around_it_stays():
    adjusted, jumps = take_out_jumps(points(100, 101, 102, 43, 44, 45), size=100)
    assert jumps == [Jump(2, -60)]
    assert adjusted == points(40, 41, 42, 43, 44, 45)


def test_a_load_over_a_gap_is_taken_out_with_the_growth_of_the_gap():
    adjusted, jumps = take_out_jumps(points(100, 101, 102, None, 154, 155), size=100)
    assert jumps == [Jump(2, 50)]  # 52 in two weeks, of which 2 are growth
    assert adjusted == points(150, 151, 152, None, 154, 155)


def test_what_happens_three_times_is_no_jump():
    found = points(100, 130, 131, 161, 162, 192, 193, 194, 195, 196)
    assert take_out_jumps(found, size=150) == (found, [])


def test_directions_are_counted_by_themselves():
    found = points(100, 130, 131, 161, 162, 192, 193, 194, 94, 95)
    adjusted, jumps = take_out_jumps(found, size=150)
    assert jumps == [Jump(7, -101)]
    assert adjusted[0].size == -1


def test_a_run_of_two_weeks_is_two_jumps_of_one_run():
    _adjusted, jumps = take_out_jumps(points(100, 100, 120, 150, 150, 150, 150), size=150)
    assert jumps == [Jump(1, 20), Jump(2, 30)]


def test_a_change_under_five_percent_of_the_size_is_no_jump():
    found = points(100, 100, 105, 105, 105)
    assert take_out_jumps(found, size=100) == (found, [])
    assert take_out_jumps(found, size=99)[1] == [Jump(1, 5)]


def test_a_series_of_nothing_but_jumps_has_none():
    found = points(100, 120, 140, 160)
    assert take_out_jumps(found, size=130) == (found, [])

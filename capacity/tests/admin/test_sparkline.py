import re

import pytest

from capacity.insight.sparkline import HEIGHT, WIDTH, sparkline

pytestmark = pytest.mark.unit


def lines(svg):
    """The points of each line, as numbers."""
    return [
        [tuple(map(float, point.split(","))) for point in points.split()]
        for points in re.findall(r'points="([^"]*)"', svg)
    ]


def test_it_goes_from_the_first_day_to_the_last_and_from_the_least_to_the_most():
    assert lines(sparkline([100, 300, 200])) == [[(2, 22), (48, 2), (94, 12)]]


def test_a_day_without_a_sample_breaks_the_line():
    first, second = lines(sparkline([100, 100, None, 300, 100]))
    assert [x for x, _y in first] == [2, 25]
    assert [x for x, _y in second] == [71, 94]


def test_a_day_alone_is_a_dot():
    assert lines(sparkline([None, 5, None])) == [[(48, 12), (48, 12)]]


def test_what_does_not_change_is_a_line_in_the_middle():
    assert {y for [line] in [lines(sparkline([7, 7, 7]))] for _x, y in line} == {12}


def test_the_largest_sizes_there_are_stay_inside():
    [line] = lines(sparkline([2**63 - 1, 0, 2**62]))
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in line)


def test_it_says_the_same_in_words():
    said = "From 1.0 KiB to 2.0 KiB, between 512 B and 2.0 KiB; 3 of 4 days have a sample."
    svg = sparkline([1024, None, 512, 2048])
    assert f'role="img" aria-label="{said}"' in svg
    assert f"<title>{said}</title>" in svg


def test_without_any_sample_it_is_a_dash_with_the_reason():
    assert "No sample in these days." in sparkline([None, None])
    assert "<svg" not in sparkline([None, None])


def test_months_are_called_months():
    assert "1 of 2 months have a sample." in sparkline([1024, None], monthly=True)

from datetime import timedelta

import pytest

from capacity.insight.events import Event, changes, presence
from capacity.tests.days import LAST, daily

pytestmark = pytest.mark.unit

GIB = 2**30


def ago(days):
    return LAST - timedelta(days=days)


def in_gib(*sizes):
    return daily(*(None if size is None else int(size * GIB) for size in sizes))


def found(*sizes, **options):
    """(days ago, kind, GiB before, GiB after, usual GiB) of each change."""
    return [
        ((LAST - one.day).days, one.kind, one.before / GIB, one.after / GIB, one.usual / GIB)
        for one in changes(in_gib(*sizes), **options)
    ]


def test_a_calm_database_that_gains_a_quarter_has_jumped():
    assert found(*[100] * 20, 125, 125) == [(1, "jump", 100, 125, 0)]


def test_one_that_loses_half_has_dropped():
    assert found(*[100] * 20, 50) == [(0, "drop", 100, 50, 0)]


def test_the_five_days_before_are_told():
    [event] = changes(in_gib(*range(100, 120), 200))
    assert event.days_before == tuple((ago(119 - size + 1), size * GIB) for size in range(115, 120))
    assert event.usual == GIB


@pytest.mark.parametrize(("before", "after"), [(100, 104.9), (10, 10.9), (100, 95.1)])
def test_under_five_percent_or_a_gibibyte_is_no_event(before, after):
    assert found(*[before] * 20, after) == []


@pytest.mark.parametrize(("before", "after", "kind"), [(100, 105, "jump"), (10, 11, "jump"), (20, 19, "drop")])
def test_five_percent_and_a_gibibyte_are_one(before, after, kind):
    assert found(*[before] * 20, after) == [(0, kind, before, after, 0)]


def test_both_floors_can_be_set():
    sizes = [*[100] * 20, 110]
    assert found(*sizes, least_percent=10.5) == found(*sizes, least_bytes=11 * GIB) == []
    assert found(*[1] * 20, 1.5, least_bytes=GIB // 4) == [(0, "jump", 1, 1.5, 0)]


def test_fourteen_days_are_needed_before_a_change_is_judged():
    assert found(*[100] * 13, 200) == []
    assert found(*[100] * 14, 200) == [(0, "jump", 100, 200, 0)]


def test_a_change_that_has_happened_twice_is_usual():
    week = [100, 100, 100, 100, 100, 120, 100]
    assert found(*week * 6) == []
    # +30 is not more than 1.5 times the usual 20; +31 is.
    assert found(*week * 6, *week[:5], 130) == []
    assert found(*week * 6, *week[:5], 131) == [(0, "jump", 100, 131, 20)]


def test_the_second_largest_change_counts_so_that_one_jump_does_not_hide_the_next():
    assert found(*[100] * 20, *[150] * 30, 210) == [(30, "jump", 100, 150, 0), (0, "jump", 150, 210, 0)]
    assert found(*[100] * 20, *[150] * 30, *[210] * 30, 270)[2:] == []


def test_what_happened_before_the_last_quarter_is_forgotten():
    swings = [100, 130, 100, 130, 100]
    assert found(*swings * 3, *[100] * 90, 130) == [(0, "jump", 100, 130, 0)]
    assert found(*swings * 3, *[100] * 80, 130) == []


def test_directions_are_judged_by_themselves():
    assert found(*[100, 120] * 10, 60) == [(0, "drop", 120, 60, 20)]


def test_a_change_over_days_without_a_sample_is_measured_against_as_many():
    growing = [100 + 4 * day for day in range(20)]
    assert found(*growing, None, None, None, 176 + 4 * 4) == []
    assert found(*growing, None, None, None, 176 + 25) == [(0, "jump", 176, 201, 4)]


def test_only_days_from_the_first_one_are_judged():
    days = in_gib(*[100] * 20, *[150] * 30, 210)
    assert [event.day for event in changes(days, ago(29))] == [ago(0)]


def test_a_database_that_begins_after_its_instance_has_appeared():
    days = in_gib(*[None] * 3, 7, 8)
    everyday = [ago(age).toordinal() for age in range(4, -1, -1)]
    assert list(presence(days, everyday)) == [Event(ago(1), "appeared", 0, 7 * GIB)]


def test_what_comes_with_its_instance_has_not_appeared():
    everyday = [ago(age).toordinal() for age in range(4, -1, -1)]
    assert list(presence(in_gib(1, 2, 3, 4, 5), everyday)) == []
    assert list(presence(in_gib(None, None, 3, 4, 5), everyday)) == []


def test_three_days_without_a_sample_while_its_instance_has_them_have_vanished():
    everyday = [ago(age).toordinal() for age in range(9, -1, -1)]
    days = in_gib(*[5] * 7, None, None, None)
    vanished = Event(ago(2), "vanished", 5 * GIB, 0, days_before=((ago(3), 5 * GIB),))
    assert list(presence(days, everyday)) == [vanished]
    assert list(presence(days, everyday[:-1])) == []


def test_days_on_which_the_instance_has_no_samples_do_not_count():
    everyday = [ago(age).toordinal() for age in range(9, -1, -1) if age not in (1, 2)]
    assert list(presence(in_gib(*[5] * 7, None, None, None), everyday)) == []


def test_a_database_that_comes_back_has_vanished_and_appeared():
    everyday = [ago(age).toordinal() for age in range(8, -1, -1)]
    events = presence(in_gib(5, 5, None, None, None, None, 6, 6, 6), everyday)
    assert [(event.day, event.kind) for event in events] == [(ago(6), "vanished"), (ago(2), "appeared")]

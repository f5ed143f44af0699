"""What holds of the forecast of any series."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from capacity.insight.forecast import Range, forecast
from capacity.insight.weeks import Series
from capacity.tests.days import daily

pytestmark = pytest.mark.unit

sizes = st.integers(0, 2**40)
any_series = st.builds(
    lambda start, growth, noise, last: daily(
        *(None if off is None else max(start + growth * day + off, 0) for day, off in enumerate(noise)), last
    ),
    st.integers(2**20, 2**45),
    st.integers(-(2**34), 2**34),
    st.lists(st.none() | st.integers(-(2**33), 2**33), max_size=150),
    sizes,
)
any_limit = st.integers(1, 2**47)


@given(any_series, any_limit)
def test_there_is_never_a_date_without_growth_nor_on_the_last_day(days, limit):
    found = forecast(days, limit)
    if found.expected_on:
        assert found.weekly > 0
        assert 0 < (found.expected_on - found.last_day).days <= 730
        assert found.last_day <= found.earliest_on <= found.expected_on
        assert found.latest_on is None or found.expected_on <= found.latest_on
    else:
        assert found.earliest_on is found.latest_on is None
    assert (found.expected_on is not None) <= (found.state in ("date", "new"))
    assert (found.state == "date") <= (found.expected_on is not None)


@given(any_series)
def test_a_range_holds_what_is_expected_and_widens(days):
    ranges = list(forecast(days).ranges.values())
    assert all(one.low <= one.size <= one.high for one in ranges)
    widths = [one.high - one.low for one in ranges]
    assert widths == sorted(widths)


@given(any_series, any_limit, st.integers(1, 8))
def test_a_series_of_larger_sizes_has_a_larger_forecast(days, limit, power):
    factor = 2**power  # exact in floats
    assume(min(days.sizes) > 0)
    small = forecast(days, limit)
    larger = Series(days.days, [size * factor for size in days.sizes], [peak * factor for peak in days.peaks])
    large = forecast(larger, limit * factor)
    assert large == replace(
        small,
        level=small.level * factor,
        weekly=small.weekly * factor,
        spread=small.spread * factor,
        headroom=small.headroom * factor,
        ranges={day: Range(*(value * factor for value in one)) for day, one in small.ranges.items()},
        limit=limit * factor,
        jumps=tuple(replace(jump, bytes=jump.bytes * factor) for jump in small.jumps),
    )


@given(any_series, any_limit)
def test_a_higher_limit_is_not_reached_sooner(days, limit):
    near, far = forecast(days, limit), forecast(days, limit * 2)
    if near.expected_on and far.expected_on:
        assert near.expected_on <= far.expected_on

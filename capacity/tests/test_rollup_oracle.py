"""Period rows against an oracle in plain Python: fractions, decimals and lists."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from math import floor

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.periods import PERIODS, Period
from capacity.tests.factories import make_instance
from capacity.tests.samples import (
    LARGEST,
    add_day,
    add_sample,
    aggregate,
    as_stored,
    database_row,
    database_rows,
    instance_row,
    instance_rows,
    sizes,
)

FIRST = date(2024, 11, 20)
MOST = 24  #: samples; so many of the largest size still add up to less than 2^63
byte_counts = st.one_of(st.integers(0, 200), st.integers(0, 2**40), st.integers(0, LARGEST // MOST))
days = st.one_of(st.integers(0, 8), st.integers(0, 140)).map(lambda n: FIRST + timedelta(days=n))
instances = st.integers(0, 2)
samples = st.lists(
    st.tuples(instances, st.sampled_from(["a", "b%s", "数据"]), days, byte_counts, *[st.none() | byte_counts] * 2),
    max_size=MOST,
)
day_rows = st.dictionaries(st.tuples(instances, days), st.tuples(byte_counts, st.integers(0, 40)), max_size=MOST)


def mean(values, cents=False):
    """Rounded half up, to whole numbers or to two decimals."""
    if not values:
        return None
    scale = 100 if cents else 1
    whole = floor(Fraction(sum(values) * scale, len(values)) + Fraction(1, 2))
    return Decimal(whole).scaleb(-2) if cents else whole


def change(now, then):
    return None if now is None or then is None else now - then


def percent(now, then):
    if now is None or not then:
        return None
    with localcontext() as context:
        context.prec = 60
        exact = 100 * (Decimal(now) - Decimal(then)) / Decimal(then)
        return exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def trend(percent):
    if percent is None:
        return "unknown"
    return "growing" if percent > 5 else "shrinking" if percent < -5 else "stable"


def of_measure(now, then, column):
    """avg, min and max of the values of a window, change and percent against those of the one before."""
    return {
        **sizes(mean(now), min(now, default=None), max(now, default=None), of=f"{column}_bytes"),
        f"{column}_change_bytes": change(mean(now), mean(then)),
        f"{column}_change_percent": as_stored(percent(mean(now), mean(then))),
    }


def expected_database_rows(fleet, period, samples):
    def window(period, key):
        return [one for one in samples if one[:2] == key and period.start <= one[2] <= period.end]

    def known(found, position):
        return [one[position] for one in found if one[position] is not None]

    rows = []
    for key in sorted({one[:2] for one in samples if period.start <= one[2] <= period.end}):
        now, then = window(period, key), window(period.previous(), key)
        columns = {"sample_count": len(now), "covered_days": len({one[2] for one in now})}
        for position, column in [(3, "size"), (4, "data_size"), (5, "log_size")]:
            columns |= of_measure(known(now, position), known(then, position), column)
        rows.append(database_row(fleet[key[0]], key[1], period, **columns))
    return rows


def expected_instance_rows(fleet, period, day_rows):
    rows = []
    for number, instance in enumerate(fleet):

        def window(period, number=number):
            found = [
                value for (n, day), value in day_rows.items() if n == number and period.start <= day <= period.end
            ]
            return [total for total, _count in found], [count for _total, count in found]

        (totals, counts), (before, counts_before) = window(period), window(period.previous())
        if totals:
            average, average_before = mean(counts, cents=True), mean(counts_before, cents=True)
            columns = {
                **of_measure(totals, before, "total_size"),
                **sizes(average, min(counts), max(counts), of="database_count"),
                "database_count_change": change(average, average_before),
                "database_count_change_percent": as_stored(percent(average, average_before)),
                "trend_direction": trend(percent(mean(totals), mean(before))),
            }
            rows.append(instance_row(instance, period, sample_count=len(totals), covered_days=len(totals), **columns))
    return rows


@pytest.mark.django_db
@settings(max_examples=40)
@given(type=st.sampled_from(PERIODS), day=days, samples=samples, day_rows=day_rows)
def test_every_column_of_every_row_is_what_plain_arithmetic_says(type, day, samples, day_rows):
    period = Period.containing(type, day)
    with transaction.atomic():
        fleet = [make_instance() for _ in range(3)]
        for number, *sample in samples:
            add_sample(fleet[number], *sample)
        for (number, on), (total, databases) in day_rows.items():
            add_day(fleet[number], on, total, databases)

        summary = aggregate(period)

        expected = expected_database_rows(fleet, period, samples), expected_instance_rows(fleet, period, day_rows)
        assert (database_rows(), instance_rows()) == expected
        assert summary.processed_records == len(expected[0]) + len(expected[1])
        transaction.set_rollback(True)

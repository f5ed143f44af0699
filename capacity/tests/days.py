"""Made-up series of days for the forecast. No database is asked."""

from datetime import date, timedelta

from capacity.insight.weeks import Series

LAST = date(2025, 7, 6)


def daily(*sizes, last=LAST, peaks=None):
    """A day of each size, the last one on `last`; None is a day without a sample."""
    first = last - timedelta(days=len(sizes) - 1)
    peaks = peaks or {}
    return Series.of(
        (first + timedelta(days=index), size, peaks.get(index - len(sizes) + 1, size))
        for index, size in enumerate(sizes)
        if size is not None
    )


def weekly(*sizes, **options):
    """Seven equal days of each size; None is a week without a sample."""
    return daily(*(size for size in sizes for _day in range(7)), **options)

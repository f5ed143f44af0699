"""The size chart of an instance: its largest databases on top of each other, the rest as one. For Chart.js."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _

from capacity.insight.growth import daily_sizes, days_until
from capacity.models import DatabaseDayStat, DatabaseSizeAggregation, Instance, InstanceSizeAggregation
from capacity.periods import Period, PeriodType
from capacity.units import chart_unit, format_bytes

DAYS, MONTHS = 90, 12
#: One for each database shown; the tooltip and the table below name them too.
COLORS = ("#2563eb", "#f59e0b", "#10b981", "#8b5cf6", "#ef4444", "#06b6d4", "#ec4899")
OTHERS = "#9ca3af"
TEXT = "#9ca3af"  #: the theme's own, which is readable on light and dark


def by_day(instance: Instance, names: Sequence[str], last: date) -> dict[str, Any] | None:
    """The last DAYS days, as measured; None without a sample in them. Two queries.

    `names`: the databases to show, at most as many as there are colours.
    """
    days = days_until(last, DAYS)
    totals = daily_sizes([instance.pk], days[0], days[-1]).get(instance.pk, {})
    rows = DatabaseDayStat.objects.filter(
        instance=instance, collected_on__range=(days[0], days[-1]), database_name__in=names
    )
    sizes: defaultdict[str, dict[date, int]] = defaultdict(dict)
    for name, day, size in rows.order_by().values_list("database_name", "collected_on", "last_size_bytes"):
        sizes[name][day] = size
    return _stacked([formats.date_format(day, "MONTH_DAY_FORMAT") for day in days], days, names, sizes, totals)


def by_month(instance: Instance, names: Sequence[str], last: date) -> dict[str, Any] | None:
    """The averages of the last MONTHS months, as aggregated; None when none is. Two queries."""
    month = Period.containing(PeriodType.MONTHLY.value, last)
    months = [month.start]
    for _number in range(MONTHS - 1):
        month = month.previous()
        months.insert(0, month.start)
    asked = {"instance": instance, "period_type": PeriodType.MONTHLY, "period_start__in": months}
    totals = InstanceSizeAggregation.objects.filter(**asked).values_list("period_start", "avg_total_size_bytes")
    rows = DatabaseSizeAggregation.objects.filter(**asked, database_name__in=names)
    sizes: defaultdict[str, dict[date, int]] = defaultdict(dict)
    for name, start, size in rows.values_list("database_name", "period_start", "avg_size_bytes"):
        sizes[name][start] = size
    return _stacked(
        [formats.date_format(start, "YEAR_MONTH_FORMAT") for start in months], months, names, sizes, dict(totals)
    )


def _stacked(
    labels: list[str],
    days: Sequence[date],
    names: Sequence[str],
    sizes: Mapping[str, Mapping[date, int]],
    totals: Mapping[date, int],
) -> dict[str, Any] | None:
    """The data and options of the chart as JSON, and what it shows in words."""
    if not totals:
        return None
    unit, unit_bytes = chart_unit(max(totals.values()))
    series = {name: [sizes.get(name, {}).get(day) for day in days] for name in names}
    others = [
        # A month's averages of databases that were not there for all of it may add up to more.
        max(0, totals[day] - sum(sizes.get(name, {}).get(day, 0) for name in names)) if day in totals else None
        for day in days
    ]
    bars = list(zip([*series, _("others")], [*COLORS[: len(series)], OTHERS], [*series.values(), others], strict=True))
    data = {
        "labels": labels,
        "datasets": [
            {
                "label": name,
                "backgroundColor": color,
                "data": [None if size is None else round(size / unit_bytes, 2) for size in column],
            }
            for name, color, column in bars
            if any(column)
        ],
    }
    known = [totals[day] for day in days if day in totals]
    words = _("From %(first)s to %(last)s.") % {"first": format_bytes(known[0]), "last": format_bytes(known[-1])}
    return {"data": json.dumps(data), "options": json.dumps(options(unit, stacked=True)), "words": words}


def options(unit: str, *, stacked: bool = False, named: bool = False) -> dict[str, Any]:
    """The options of a chart of sizes in this unit: lines, or bars on top of each other.

    Bars have a legend, lines when they are `named`.
    """
    legend = {"position": "bottom", "labels": {"color": TEXT, "boxWidth": 12, "boxHeight": 12}}
    x_ticks = {"color": TEXT, "maxRotation": 0, "autoSkipPadding": 16}
    title = {"display": True, "text": unit, "color": TEXT}
    return {
        "animation": False,
        "maintainAspectRatio": False,
        "interaction": {"mode": "index", "intersect": False},
        "plugins": {"legend": legend if stacked or named else {"display": False}},
        "scales": {
            "x": {"stacked": stacked, "ticks": x_ticks, "grid": {"display": False}},
            "y": {
                "stacked": stacked,
                "ticks": {"color": TEXT},
                "title": title,
                # What is a hundredth of the size must not look like half of it.
                "beginAtZero": True,
                **({} if stacked else {"grace": "5%"}),
            },
        },
    }


def line(points: Sequence[tuple[date, int]]) -> dict[str, Any]:
    """Averages of periods, oldest first, by their first days: data and options of the chart, and it in words."""
    unit, unit_bytes = chart_unit(max(size for _day, size in points))
    dataset = {
        "label": _("Average size"),
        "data": [round(size / unit_bytes, 3) for _day, size in points],
        "borderColor": COLORS[0],
        "backgroundColor": COLORS[0],
        "pointRadius": 2,
    }
    first, last = (format_bytes(size) for _day, size in (points[0], points[-1]))
    return {
        "data": json.dumps({"labels": [formats.date_format(day) for day, _size in points], "datasets": [dataset]}),
        "options": json.dumps(options(unit)),
        "words": _("From %(first)s to %(last)s.") % {"first": first, "last": last},
    }

"""The dashboard's chart, as JSON for the theme's Chart.js, with the same in words and as a table."""

import json
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _

from capacity.insight.fleet import FleetPeriod
from capacity.periods import Period, period_config
from capacity.units import UNITS, format_bytes

from .words import days_text

TEXT = "#9ca3af"  #: the theme's own, which is readable on light and dark
LINE = "#3b82f6"


def fleet_chart(points: list[FleetPeriod]) -> dict[str, Any] | None:
    """The size of the fleet as a line; None without a point. A period without any row is a gap."""
    known = [point for point in points if point.bytes is not None]
    if not known:
        return None
    # One unit for the whole chart: that of its highest point.
    power = min(len(UNITS) - 1, max(0, (max(point.bytes or 0 for point in known).bit_length() - 1) // 10))
    line = {
        "label": _("Fleet size"),
        "data": [None if one.bytes is None else round(one.bytes / 1024**power, 2) for one in points],
        "borderColor": LINE,
        "backgroundColor": LINE,
        "borderWidth": 2,
        "pointRadius": 2,
    }
    words = _("From %(first)s (%(start)s) to %(last)s (%(end)s).") % {
        "first": format_bytes(known[0].bytes or 0),
        "start": days_text(known[0].period.start, known[0].period.end),
        "last": format_bytes(known[-1].bytes or 0),
        "end": days_text(known[-1].period.start, known[-1].period.end),
    }
    return {
        "data": json.dumps({"labels": [axis_label(point.period) for point in points], "datasets": [line]}),
        "options": json.dumps(_options(UNITS[power])),
        "words": words,
        "rows": [
            {
                "period": days_text(point.period.start, point.period.end),
                "size": "–" if point.bytes is None else format_bytes(point.bytes),
                "instances": point.instances,
            }
            for point in reversed(points)
        ],
    }


def axis_label(period: Period) -> str:
    """Its first day, or its first month; the words below the chart have the whole dates."""
    months = period_config(period.type).months
    return formats.date_format(period.start, "YEAR_MONTH_FORMAT" if months else "MONTH_DAY_FORMAT")


def _options(unit: str) -> dict[str, Any]:
    return {
        "animation": False,
        "maintainAspectRatio": False,
        "interaction": {"mode": "index", "intersect": False},
        "plugins": {"legend": {"display": False}},
        "scales": {
            "x": {
                "ticks": {"color": TEXT, "maxRotation": 0, "autoSkipPadding": 16},
                "grid": {"display": False},
            },
            "y": {
                "ticks": {"color": TEXT},
                "title": {"display": True, "text": unit, "color": TEXT},
                "grace": "5%",
                "grid": {},
            },
        },
    }

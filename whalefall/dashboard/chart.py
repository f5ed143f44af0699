"""The dashboard's chart, as JSON for the theme's Chart.js, with the same in words and as a table."""

import json
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _

from capacity.admin.charts import options
from capacity.insight.fleet import FleetPeriod
from capacity.periods import Period, period_config
from capacity.units import chart_unit, format_bytes
from sync_sessions.common.words import days_text

LINE = "#3b82f6"


def fleet_chart(points: list[FleetPeriod]) -> dict[str, Any] | None:
    """The size of the fleet as a line; None without a point. A period without any row is a gap."""
    known = [point for point in points if point.bytes is not None]
    if not known:
        return None
    unit, unit_bytes = chart_unit(max(point.bytes or 0 for point in known))
    line = {
        "label": _("Fleet size"),
        "data": [None if one.bytes is None else round(one.bytes / unit_bytes, 2) for one in points],
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
        "options": json.dumps(options(unit)),
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

"""The chart of a size over time for Chart.js: what was measured, what happened, and where it goes."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _

from capacity.admin.charts import COLORS, options
from capacity.insight.history import Asked, Line, Point, steps_between
from capacity.models import CapacityEvent, EventKind, Forecast
from capacity.periods import Period, PeriodType
from capacity.units import chart_unit, format_bytes

HORIZONS = (30, 90, 180)
LIMIT_SHOWN = 3  #: times the largest size: a limit beyond makes the sizes a line at the bottom
DATA, LOG, RANGE, LIMIT = COLORS[2], COLORS[5], "#93c5fd", COLORS[4]
MARKS = {
    EventKind.JUMP: ("triangle", 0),
    EventKind.DROP: ("triangle", 180),
    EventKind.APPEARED: ("rectRot", 0),
    EventKind.VANISHED: ("crossRot", 0),
}


def size_chart(
    asked: Asked, *, forecast: Forecast | None, events: Iterable[CapacityEvent], limit: int | None, ahead: int
) -> dict[str, Any] | None:
    """Data and options as JSON, and the chart in words; None without a sample. `asked` has one line, with its points.

    `ahead`: the days of the forecast that are shown.
    """
    points = asked.lines[0].points
    if not points:
        return None
    is_ahead = forecast is not None and forecast.size_30_bytes is not None
    end = forecast.made_on + timedelta(days=ahead) if forecast and is_ahead else asked.last
    days = steps_between(points[0].day, max(end, asked.last), asked.step)
    ranges = _ranges(forecast, points[-1], ahead, asked.step) if forecast and is_ahead else {}
    largest = max([*(point.size for point in points), *(high for _size, _low, high in ranges.values())])
    is_limit_shown = limit is not None and limit <= LIMIT_SHOWN * largest
    unit, unit_bytes = chart_unit(max(largest, limit if limit and is_limit_shown else 0))

    def column(sizes: dict[date, int]) -> list[float | None]:
        return [round(sizes[day] / unit_bytes, 3) if day in sizes else None for day in days]

    datasets = [_line(_("Size"), column({point.day: point.size for point in points}), COLORS[0], borderWidth=2)]
    parts = ((_("Data"), DATA, [point.data for point in points]), (_("Log"), LOG, [point.log for point in points]))
    for name, color, found in parts:
        sizes = {point.day: size for point, size in zip(points, found, strict=True) if size is not None}
        if sizes:
            datasets.append(_line(name, column(sizes), color))
    if ranges:
        expected, low, high = (column({day: found[place] for day, found in ranges.items()}) for place in range(3))
        datasets += [
            _line(_("Expected"), expected, COLORS[0], borderDash=[6, 4], borderWidth=2),
            _line(_("At least (four of five cases)"), low, RANGE, borderWidth=1),
            _line(
                _("At most (four of five cases)"),
                high,
                RANGE,
                borderWidth=1,
                fill="-1",
                backgroundColor="rgba(147, 197, 253, 0.3)",
            ),
        ]
    if limit is not None and is_limit_shown:
        datasets.append(_line(_("Limit"), [round(limit / unit_bytes, 3)] * len(days), LIMIT, borderDash=[2, 3]))
    datasets += _marks(events, points, asked.step, column)
    return {
        "data": json.dumps({"labels": labels(days, asked.step), "datasets": datasets}),
        "options": json.dumps(options(unit, named=True)),
        "words": _("From %(first)s to %(last)s.")
        % {"first": format_bytes(points[0].size), "last": format_bytes(points[-1].size)},
        "limit_left_out": limit is not None and not is_limit_shown,
    }


def compare_chart(asked: Asked, *, indexed: bool) -> dict[str, Any] | None:
    """A line for each of the lines of `asked`, in bytes, or as an index that begins at 100; None without a sample."""
    known = [line for line in asked.lines if line.points]
    if not known:
        return None
    days = steps_between(asked.first, asked.last, asked.step)
    unit, unit_bytes = chart_unit(max(point.size for line in known for point in line.points))
    datasets = [
        _line(
            line.label,
            [None if value is None else round(value, 3) for value in values(line, days, indexed, unit_bytes)],
            _color(number),
            borderWidth=2,
            borderDash=[5, 3] if number >= len(COLORS) else [],
        )
        for number, line in enumerate(asked.lines)
        if line.points
    ]
    return {
        "data": json.dumps({"labels": labels(days, asked.step), "datasets": datasets}),
        "options": json.dumps(options(_("100 = the first size") if indexed else unit, named=True)),
    }


def values(line: Line, days: Sequence[date], indexed: bool, unit: int = 1) -> list[float | None]:
    """Of each day the size in `unit` bytes, or in percent of the line's first size."""
    sizes = {point.day: point.size for point in line.points}
    first = line.points[0].size if line.points else 0
    by = first / 100 if indexed else unit
    return [sizes[day] / by if day in sizes and by else None for day in days]


def labels(days: Iterable[date], step: str) -> list[str]:
    name = "YEAR_MONTH_FORMAT" if step == PeriodType.MONTHLY else "DATE_FORMAT"
    return [formats.date_format(day, name) for day in days]


def _color(number: int) -> str:
    return COLORS[number % len(COLORS)]


def _line(label: str, data: list[float | None], color: str, **more: Any) -> dict[str, Any]:
    return {
        "label": label,
        "data": data,
        "borderColor": color,
        "backgroundColor": color,
        "borderWidth": 1.5,
        "pointRadius": 0,
        "pointHitRadius": 6,
        "spanGaps": False,
        **more,
    }


def _ranges(forecast: Forecast, last: Point, ahead: int, step: str) -> dict[date, tuple[int, int, int]]:
    """{first day of a step: expected, low and high size}, straight between the sizes that the forecast has.

    It begins with the last size itself, so that the lines meet.
    """
    known = [(0, (last.size,) * 3)]
    for days in HORIZONS:
        sizes = tuple(getattr(forecast, f"{name}_{days}_bytes") for name in ("size", "low", "high"))
        known.append((days, sizes))
    found: dict[date, tuple[int, int, int]] = {}
    for day in range(ahead + 1):
        start = Period.containing(step, forecast.made_on + timedelta(days=day)).start
        place = next(number for number, (days, _sizes) in enumerate(known) if days >= day)
        (to, after), (since, before) = known[place], known[max(place - 1, 0)]
        share = (day - since) / (to - since) if to > since else 1
        if start > last.day or day == 0:
            expected, low, high = (round(a + (b - a) * share) for a, b in zip(before, after, strict=True))
            found[last.day if day == 0 else start] = (expected, low, high)
    return found


def _marks(events: Iterable[CapacityEvent], points: Sequence[Point], step: str, column: Any) -> list[dict[str, Any]]:
    """A dataset of points without a line for each kind of event, at the size that it had then."""
    sizes = {point.day: point.size for point in points}
    marked: dict[str, dict[date, int]] = {}
    for event in events:
        day = Period.containing(step, event.day).start
        size = sizes.get(day, event.after_bytes or event.before_bytes)
        marked.setdefault(event.kind, {})[day] = size
    return [
        {
            "label": str(EventKind(kind).label),
            "data": column(found),
            "showLine": False,
            "pointStyle": MARKS[EventKind(kind)][0],
            "rotation": MARKS[EventKind(kind)][1],
            "pointRadius": 7,
            "borderColor": COLORS[4 if kind == EventKind.VANISHED else 1],
            "borderWidth": 2,
            "backgroundColor": COLORS[1],
        }
        for kind, found in sorted(marked.items())
    ]

"""The figures as tables for people."""

from collections.abc import Sequence

from django.core.management.base import OutputWrapper
from django.utils.translation import gettext as _

from capacity.benchmark.families import FAMILIES
from capacity.benchmark.figures import Figures
from capacity.benchmark.forecasts import Figure, ForecastFigures, family_row
from capacity.benchmark.measure import Measured

from .output import show_table


def show_figures(out: OutputWrapper, title: str, figures: Sequence[Figures]) -> None:
    """Two tables: all columns in one are wider than a terminal."""
    columns = [
        _("Scenario"),
        "",
        ">" + _("Work (s)"),
        ">" + _("Other (s)"),
        _("Against"),
        ">" + _("Ratio"),
        _("Target"),
    ]
    show_table(out, title, columns, [_times(one) for one in figures])
    columns = [_("Scenario"), "", ">" + _("Statements"), ">" + _("Memory"), ">" + _("Rows"), ">" + _("Rows per s")]
    show_table(out, _("Of one run"), columns, [_costs(one) for one in figures if one.work.statements])


def show_forecasts(out: OutputWrapper, title: str, measured: ForecastFigures) -> None:
    rows = {name: family_row(scores) for name, scores in measured.families.items()}
    columns = [_("Family"), *(f">{name}" for name in rows["all"])]
    show_table(out, title, columns, [[name, *map(_number, rows[name].values())] for name in FAMILIES])
    columns = [_("Figure"), ">" + _("Value"), _("Target"), ""]
    show_table(out, _("Of all families"), columns, [_figure(one) for one in measured.figures])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _figure(one: Figure) -> list[str]:
    bound = _("at most %(target)g") if one.at_most else _("at least %(target)g")
    reached = _("reached") if one.reached else _("missed")
    return [one.name, f"{one.value:.2f}", bound % {"target": one.target}, reached]


def _seconds(one: Measured) -> str:
    return f"{one.median:.3g} ({min(one.seconds):.3g}-{max(one.seconds):.3g})"


def _times(one: Figures) -> list[str]:
    target = ""
    if one.ratio_target:
        target = _("at most %(target)g") % {"target": one.ratio_target}
    elif one.seconds_target:
        target = _("at most %(target)g s") % {"target": one.seconds_target}
    if one.other:
        both = [_seconds(one.work), _seconds(one.other)]
        return [one.scenario, one.note, *both, one.other_name, f"{one.ratio:.2f}", target]
    work = _("%(median).3g (p95 %(p95).3g)") % {"median": one.work.median, "p95": one.p95}
    return [one.scenario, one.note, work, "", "", "", target]


def _costs(one: Figures) -> list[str]:
    statements = f"{one.work.statements}"
    if one.statements_target:
        statements = _("%(count)s (at most %(target)d)") % {"count": statements, "target": one.statements_target}
    memory = _("%(used).0f MB (at most %(target)d)") % {"used": one.work.peak_mb, "target": one.memory_target_mb}
    return [one.scenario, one.note, statements, memory, f"{one.rows:,}", f"{one.rows / one.work.median:,.0f}"]

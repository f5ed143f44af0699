"""Columns of lists: sizes, of which all of a page are in one unit, and changes, with what is unknown last."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import F
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capacity.admin.cells import unknown
from capacity.models.present import SLACK, SPANS, State
from capacity.units import format_bytes, format_in, format_percent, shared_unit

SPAN_TITLES = {
    "week": (gettext_lazy("in a week"), gettext_lazy("week, %")),
    "month": (gettext_lazy("in a month"), gettext_lazy("month, %")),
}


def together(text: str) -> str:
    """On one line, however narrow the column."""
    return text.replace(" ", "\u00a0")


class NullsLast:
    """Rows without a value come last in either direction, on both databases."""

    def __init__(self, expression: Any) -> None:
        self.expression = expression

    def resolve_expression(self, *args: Any) -> Any:  # how the admin tells an expression from the name of a column
        return self.expression.resolve_expression(*args)

    def asc(self) -> Any:
        return self.expression.asc(nulls_last=True)

    def desc(self) -> Any:
        return self.expression.desc(nulls_last=True)


def nulls_last(what: Any) -> Any:
    """What a column is sorted by, a field or an expression; the admin takes it for an expression."""
    return NullsLast(F(what) if isinstance(what, str) else what)


def not_measured(row: Any) -> SafeString:
    return unknown(_("Not measured."))


def bytes_column(
    name: str,
    title: Any,
    size_of: Callable[[Any], int | None],
    *,
    ordering: Any = None,
    sign: bool = False,
    missing: Callable[[Any], str] = not_measured,
) -> Any:
    """A column of what `size_of` gives of a row, in bytes; `name` is its name in the markup, ending in `_bytes`.

    Where the row stands alone it is in a unit of its own; `sign` is for changes, `missing` says why there is none.
    """

    @admin.display(description=title, ordering=ordering)
    def show(row: Any) -> str:
        size = size_of(row)
        if size is None:
            return missing(row)
        exact, unit = format_bytes(size, sign=sign), getattr(row, f"{name}_unit", None)
        if unit is None:
            return together(exact)
        return format_html('<span title="{}">{}</span>', exact, together(format_in(size, unit, sign=sign)))

    def prepare(rows: list[Any]) -> None:
        """Finds the unit of the rows of a page."""
        unit = shared_unit(size for size in map(size_of, rows) if size is not None)
        for row in rows:
            setattr(row, f"{name}_unit", unit)

    column: Any = show
    column.__name__, column.prepare = name, prepare
    return column


def percent_column(
    name: str, title: Any, percent_of: Callable[[Any], Any], *, ordering: Any, missing: Callable[[Any], str]
) -> Any:
    """A column of changes in percent; `name` ends in `_percent`."""

    @admin.display(description=title, ordering=ordering)
    def column(row: Any) -> str:
        percent = percent_of(row)
        return missing(row) if percent is None else together(format_percent(percent))

    column.__name__ = name
    return column


def state_columns(state_of: Callable[[Any], State | None] = lambda row: row, prefix: str = "") -> list[Any]:
    """The last size, and the change in a week and in a month, in bytes and in percent.

    Of rows that are states, or that have one at `prefix`, which `state_of` gives; None before the first sample.
    """

    def value_of(column: str) -> Callable[[Any], Any]:
        return lambda row: getattr(state_of(row), column, None)

    def no_size(row: Any) -> SafeString:
        return unknown(_("No sample yet."))

    def no_change(days: int, row: Any) -> SafeString:
        if state_of(row) is None:
            return no_size(row)
        text = _("There is no sample of %(days)d to %(most)d days before the last one to compare with.")
        return unknown(text % {"days": days, "most": days + SLACK.days})

    name = "last_size_bytes"
    order = nulls_last(prefix + name) if prefix else name  # a state has one
    columns = [bytes_column(name, gettext_lazy("size"), value_of(name), ordering=order, missing=no_size)]
    for span, (in_bytes, in_percent) in SPAN_TITLES.items():
        missing = partial(no_change, SPANS[span].days)
        name = f"{span}_change_bytes"
        order = nulls_last(prefix + name)
        columns.append(bytes_column(name, in_bytes, value_of(name), ordering=order, sign=True, missing=missing))
        name = f"{span}_change_percent"
        order = nulls_last(prefix + name)
        columns.append(percent_column(name, in_percent, value_of(name), ordering=order, missing=missing))
    return columns

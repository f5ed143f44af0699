"""Columns of the lists of samples and rows, and lines of their pages: sizes, changes and periods for people."""

from typing import Any

from django.contrib import admin
from django.db.models import F, Model
from django.db.models.expressions import OrderBy
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from capacity.admin.cells import unknown
from capacity.admin.sizes.addresses import database_link
from capacity.models.aggregates import PeriodRow
from capacity.periods import today
from capacity.units import format_bytes, format_percent
from sync_sessions.common.words import days_text, noted


def together(text: str) -> str:
    """On one line, however narrow the column."""
    return text.replace(" ", "\u00a0")


class UnknownLast(F):
    """To sort by in either direction: what is unknown comes last, on both databases."""

    def asc(self, **options: Any) -> OrderBy:
        return super().asc(nulls_last=True, **options)

    def desc(self, **options: Any) -> OrderBy:
        return super().desc(nulls_last=True, **options)


def _column(name: str, model: type[Model], show: Any, title: Any = None) -> Any:
    """Sorted as the field, and titled so if there is no `title`."""
    field: Any = model._meta.get_field(name)
    order = UnknownLast(name) if field.null else name

    @admin.display(description=title or field.verbose_name, ordering=order)
    def column(row: Any) -> Any:
        return show(row, getattr(row, name))

    column.__name__ = name  # names the column in the page's markup
    return column


def size_column(name: str, model: type[Model]) -> Any:
    """Bytes of a measure; null is one that the engine does not tell."""

    def show(row: Any, size: int | None) -> str:
        return unknown(_("Not measured.")) if size is None else together(format_bytes(size))

    return _column(name, model, show)


def change_column(name: str, model: type[Model]) -> Any:
    """Bytes more or less than in the period before."""

    def show(row: Any, change: int | None) -> str:
        if change is None:
            return unknown(_("No sample in the period before."))
        return together(format_bytes(change, sign=True))

    return _column(name, model, show)


def percent_column(name: str, model: type[Model], title: Any = None) -> Any:
    def show(row: Any, percent: Any) -> str:
        if percent is not None:
            return together(format_percent(percent))
        change = name.removesuffix("_percent")  # counted things have no _bytes
        if getattr(row, f"{change}_bytes", getattr(row, change, None)) is None:
            return unknown(_("No sample in the period before."))
        return unknown(_("The average of the period before was 0."))

    return _column(name, model, show, title)


@admin.display(description=gettext_lazy("database"), ordering="database_name")
def database(row: Any) -> Any:
    return database_link(row.instance_id, row.database_name)


@admin.display(description=gettext_lazy("period"), ordering="period_start")
def period(row: PeriodRow) -> str:
    """Its days; of one that is not over that it is as it is so far."""
    days = days_text(row.period_start, row.period_end, unbroken=True)
    return days if row.period_end < today() else noted(days, _("so far"))


@admin.display(description=gettext_lazy("coverage"), ordering="covered_days")
def coverage(row: PeriodRow) -> str:
    """ "2 of 7 days"; in another colour as well if days are missing."""
    days = (row.period_end - row.period_start).days + 1
    text = ngettext("%(covered)d of %(days)d day", "%(covered)d of %(days)d days", days)
    text = together(text % {"covered": row.covered_days, "days": days})
    if row.covered_days >= days:
        return text
    return format_html('<span class="font-medium text-orange-700 dark:text-orange-400">{}</span>', text)

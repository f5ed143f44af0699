"""Columns of the lists of samples and rows, and lines of their pages: sizes, changes and periods for people."""

from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from capacity.admin.cells import unknown
from capacity.admin.columns import bytes_column, nulls_last, percent_column, together
from capacity.admin.sizes.addresses import database_link
from capacity.models.aggregates import PeriodRow
from capacity.periods import today
from sync_sessions.common.words import days_text, noted


def _field(name: str, model: type[Model]) -> tuple[Any, Any]:
    """The title of a column of that field, and what it is sorted by."""
    field: Any = model._meta.get_field(name)
    return field.verbose_name, nulls_last(name) if field.null else name


def size_column(name: str, model: type[Model]) -> Any:
    """Bytes of a measure; null is one that the engine does not tell."""
    title, ordering = _field(name, model)
    return bytes_column(name, title, attrgetter(name), ordering=ordering)


def change_column(name: str, model: type[Model]) -> Any:
    """Bytes more or less than in the period before."""
    title, ordering = _field(name, model)
    return bytes_column(name, title, attrgetter(name), ordering=ordering, sign=True, missing=_no_period_before)


def change_percent_column(name: str, model: type[Model], title: Any = None) -> Any:
    """The same in percent; titled as the field if there is no `title`."""
    field_title, ordering = _field(name, model)
    change = name.removesuffix("_percent")  # counted things have no _bytes

    def missing(row: Any) -> str:
        if getattr(row, f"{change}_bytes", getattr(row, change, None)) is None:
            return _no_period_before(row)
        return unknown(_("The average of the period before was 0."))

    return percent_column(name, title or field_title, attrgetter(name), ordering=ordering, missing=missing)


def _no_period_before(row: Any) -> str:
    return unknown(_("No sample in the period before."))


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

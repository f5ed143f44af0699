"""Columns of lists that have a limit and a forecast: their rows have an `outlook`."""

from typing import Any

from django.contrib import admin
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capacity.admin.cells import unknown
from capacity.admin.columns import nulls_last
from capacity.insight.outlook import Level, Outlook, Usage
from capacity.insight.wording import forecast_sentence, jump_sentences
from capacity.models import ForecastState

#: The colour of a bar says how much room there is; its length says the same.
NEARLY, MUCH = 90, 80


def used_cell(usage: Usage | None) -> SafeString:
    """A bar and the percentage; the whole sentence is read out, and shown on hover."""
    if usage is None:
        return unknown(_("No limit known: enter one under Limits."))
    percent = round(usage.percent)
    color = "bg-red-500" if percent >= NEARLY else "bg-orange-400" if percent >= MUCH else "bg-green-500"
    return format_html(
        '<span class="inline-flex flex-col whitespace-nowrap" title="{}"><span>{} %</span>'
        '<span class="bg-base-200 h-1 rounded-default w-16 dark:bg-base-700" aria-hidden="true">'
        '<span class="block h-1 rounded-default {}" style="width: {}%"></span></span></span>',
        usage.sentence(),
        percent,
        color,
        min(percent, 100),
    )


def full_cell(outlook: Outlook) -> SafeString:
    """The day, or that it is full."""
    if outlook.forecast and outlook.forecast.state == ForecastState.OVER:
        return format_html('<strong class="text-red-700 dark:text-red-400">{}</strong>', _("Full now"))
    if outlook.full_on is None:
        return unknown(_("No date: why not stands beside it."))
    return format_html('<span class="whitespace-nowrap">{}</span>', date_format(outlook.full_on))


def forecast_cell(outlook: Outlook) -> SafeString:
    """The state in words; what was taken out of the growth is shown on hover."""
    if outlook.forecast is None:
        return unknown(_("No forecast yet: they are made once a day, after the samples."))
    jumps = "\n".join(jump_sentences(outlook.forecast))
    return format_html('<span class="text-xs" title="{}">{}</span>', jumps, forecast_sentence(outlook.forecast))


def outlook_columns(level: Level) -> list[Any]:
    """Use of the limit, the day it is full, and the forecast in words."""

    @admin.display(description=gettext_lazy("used"), ordering=nulls_last(level.used_share()))
    def used_percent(row: Any) -> SafeString:
        return used_cell(row.outlook.usage)

    @admin.display(description=gettext_lazy("full on"), ordering=nulls_last(level.full_on()))
    def full(row: Any) -> SafeString:
        return full_cell(row.outlook)

    @admin.display(description=gettext_lazy("forecast"))
    def outlook(row: Any) -> SafeString:
        return forecast_cell(row.outlook)

    return [used_percent, full, outlook]

"""All databases as they are now: the largest, the fastest, the fullest first."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capacity.admin.cells import unknown
from capacity.admin.outlook import outlook_columns
from capacity.admin.rows.columns import UnknownLast, together
from capacity.admin.rows.lists import ENGINE, INSTANCE, RowAdmin
from capacity.admin.sizes.addresses import instance_link
from capacity.insight.growth import LATE_AFTER
from capacity.insight.outlook import DATABASES, outlooks
from capacity.models import DatabaseState
from capacity.models.present import SLACK, SPANS
from capacity.periods import today
from capacity.units import format_bytes, format_percent
from sync_sessions.common.admin.filters import TagFilter

from .filters import MonthFilter, OutlookFilter, PresenceFilter, WeekFilter


def change_columns(span: str, title: Any, percent_title: Any) -> list[Any]:
    """Bytes and percent, each sorted by itself. `span`: one of SPANS."""
    days = SPANS[span].days
    bytes_name, percent_name = f"{span}_change_bytes", f"{span}_change_percent"

    def missing() -> SafeString:
        text = _("There is no sample of %(days)d to %(most)d days before the last one to compare with.")
        return unknown(text % {"days": days, "most": days + SLACK.days})

    @admin.display(description=title, ordering=UnknownLast(bytes_name))
    def change(row: Any) -> str:
        value = getattr(row, bytes_name)
        return missing() if value is None else together(format_bytes(value, sign=True))

    @admin.display(description=percent_title, ordering=UnknownLast(percent_name))
    def percent(row: Any) -> str:
        value = getattr(row, percent_name)
        return missing() if value is None else together(format_percent(value))

    change.__name__, percent.__name__ = bytes_name, percent_name  # name the columns in the page's markup
    return [change, percent]


class DatabaseList(RowAdmin):
    list_display = [
        "database",
        "server",
        "last_bytes",
        *change_columns("week", gettext_lazy("in a week"), gettext_lazy("week, %")),
        *change_columns("month", gettext_lazy("in a month"), gettext_lazy("month, %")),
        *outlook_columns(DATABASES),
    ]
    list_filter = [
        PresenceFilter,
        TagFilter,
        ENGINE,
        INSTANCE,
        OutlookFilter,
        ("week_change_percent", WeekFilter),
        ("month_change_percent", MonthFilter),
    ]
    ordering = ["-last_size_bytes", "id"]
    search_fields = ["database_name", "instance__name"]
    search_help_text = gettext_lazy("Database, or instance")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        # One row a database: few enough to look through them all.
        return super(RowAdmin, self).get_search_results(request, queryset, search_term)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With limits and forecasts of the rows of this page alone."""
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        found = outlooks(DATABASES.level, [(row.instance_id, row.database_name) for row in rows])
        for row in rows:
            row.outlook = found[row.instance_id, row.database_name]
        changelist.result_list = rows
        return changelist

    @admin.display(description=gettext_lazy("instance"), ordering="instance__name")
    def server(self, row: DatabaseState) -> SafeString:
        return instance_link(row.instance)

    @admin.display(description=gettext_lazy("size"), ordering="last_size_bytes")
    def last_bytes(self, row: DatabaseState) -> str:
        return together(format_bytes(row.last_size_bytes))

    @admin.display(description=gettext_lazy("database"), ordering="database_name")
    def database(self, row: DatabaseState) -> SafeString | str:
        """When it was seen last, if that is long ago."""
        if today() - row.last_day <= LATE_AFTER:
            return row.database_name
        since = _("last sample on %(day)s") % {"day": date_format(row.last_day)}
        return format_html('{}<span class="block font-normal text-subtle text-xs">{}</span>', row.database_name, since)

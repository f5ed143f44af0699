"""All databases as they are now: the largest, the fastest, the fullest first."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capacity.admin.columns import state_columns
from capacity.admin.outlook import outlook_columns
from capacity.admin.rows.lists import ENGINE, INSTANCE, RowAdmin
from capacity.admin.sizes.addresses import instance_link
from capacity.insight.growth import LATE_AFTER
from capacity.insight.outlook import DATABASES, outlooks
from capacity.models import DatabaseState
from capacity.periods import today
from sync_sessions.common.admin.filters import TagFilter

from .filters import MonthFilter, OutlookFilter, PresenceFilter, WeekFilter


class DatabaseList(RowAdmin):
    list_display = [
        "database",
        "server",
        *state_columns(),
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

    def complete(self, rows: list[Any]) -> None:
        """With limits and forecasts."""
        super().complete(rows)
        found = outlooks(DATABASES.level, [(row.instance_id, row.database_name) for row in rows])
        for row in rows:
            row.outlook = found[row.instance_id, row.database_name]

    @admin.display(description=gettext_lazy("instance"), ordering="instance__name")
    def server(self, row: DatabaseState) -> SafeString:
        return instance_link(row.instance)

    @admin.display(description=gettext_lazy("database"), ordering="database_name")
    def database(self, row: DatabaseState) -> SafeString | str:
        """When it was seen last, if that is long ago."""
        if today() - row.last_day <= LATE_AFTER:
            return row.database_name
        since = _("last sample on %(day)s") % {"day": date_format(row.last_day)}
        return format_html('{}<span class="block font-normal text-subtle text-xs">{}</span>', row.database_name, since)

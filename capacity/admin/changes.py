"""What changed, by day, with the usual largest change beside it."""

from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from capacity.admin.columns import bytes_column, together
from capacity.admin.rows.lists import ENGINE, INSTANCE, RowAdmin
from capacity.admin.sizes.addresses import database_link, instance_link
from capacity.insight.wording import event_sentence
from capacity.models import CapacityEvent, EventKind
from capacity.units import format_bytes
from sync_sessions.common.admin.filters import DayRangeFilter, TagFilter
from sync_sessions.common.words import listed, told

VARIANTS = {
    EventKind.JUMP: "warning",
    EventKind.DROP: "info",
    EventKind.APPEARED: "success",
    EventKind.VANISHED: "danger",
}


CHANGE = F("after_bytes") - F("before_bytes")


def usual(row: CapacityEvent) -> int | None:
    """Of what appears or vanishes nothing is usual."""
    return row.usual_bytes if row.kind in (EventKind.JUMP, EventKind.DROP) else None


def dash(row: CapacityEvent) -> str:
    return "–"


@admin.register(CapacityEvent)
class CapacityEventAdmin(RowAdmin):
    list_display = [
        "happened",
        "what",
        "database",
        "server",
        "sentence",
        bytes_column("change_bytes", gettext_lazy("change"), attrgetter("change_bytes"), ordering=CHANGE, sign=True),
        bytes_column("usual_bytes", gettext_lazy("usual largest change"), usual, ordering="usual_bytes", missing=dash),
        "days_before",
    ]
    list_display_links = ["happened"]
    list_filter = [("day", DayRangeFilter), ("kind", ChoicesDropdownFilter), TagFilter, ENGINE, INSTANCE]
    ordering = ["-day", "instance__name", "database_name"]
    search_fields = ["instance__name", "database_name"]
    none_yet = gettext_lazy(
        "Nothing has changed by more than it usually does. Jumps and drops are told once there are 14 days of samples."
    )
    # The theme shows a label in lists alone.
    fields = ["kind" if column == "what" else column for column in list_display]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        # Events are rare: few enough to look through them all.
        return super(RowAdmin, self).get_search_results(request, queryset, search_term)

    @admin.display(description=gettext_lazy("day"), ordering="day")
    def happened(self, row: CapacityEvent) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', date_format(row.day))

    @display(description=gettext_lazy("kind"), ordering="kind", label=VARIANTS)
    def what(self, row: CapacityEvent) -> tuple[str, str]:
        return row.kind, row.get_kind_display()

    @admin.display(description=gettext_lazy("database"), ordering="database_name")
    def database(self, row: CapacityEvent) -> Any:
        """Of an instance: those of its databases that changed on that day."""
        if not row.database_name:
            return told(_("Whole instance"), listed(row.details.get("databases", ())) or "–")
        return database_link(row.instance_id, row.database_name)

    @admin.display(description=gettext_lazy("instance"), ordering="instance__name")
    def server(self, row: CapacityEvent) -> SafeString:
        return instance_link(row.instance)

    @admin.display(description=gettext_lazy("what happened"))
    def sentence(self, row: CapacityEvent) -> str:
        return event_sentence(row)

    @admin.display(description=gettext_lazy("sizes of the days before"))
    def days_before(self, row: CapacityEvent) -> str:
        return listed(together(format_bytes(size)) for _day, size in row.details.get("days_before", ())) or "–"

"""What is full next: the newest forecasts by their date, and how good forecasts have been."""

from datetime import timedelta
from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from capacity.admin.columns import bytes_column, nulls_last
from capacity.admin.outlook import forecast_cell, full_cell, used_cell
from capacity.admin.rows.lists import ENGINE, INSTANCE, RowAdmin
from capacity.admin.sizes.addresses import database_link, instance_link
from capacity.insight.forecast import HORIZONS
from capacity.insight.outlook import FULL_ON, Outlook, usage_of_forecasts
from capacity.insight.scores import median_error
from capacity.insight.wording import MONTH, score_sentence
from capacity.models import Forecast, ForecastLevel, ForecastState
from capacity.periods import today
from sync_sessions.common.admin.filters import TagFilter
from sync_sessions.common.words import listed, noted, told

WEEK = 7
IS_DATED = Q(state=ForecastState.OVER) | Q(expected_on__isnull=False)


class OutlookFilter(DropdownFilter):
    """Those with a date and those that are full, if nothing else is asked for; what shares a volume is one of them."""

    title = gettext_lazy("forecast")
    parameter_name = "forecast"
    all_option = None
    DATED, UNDATED, ALL = "dated", "undated", "all"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        dated = [(self.DATED, _("Full, or full on a day")), (self.UNDATED, _("Without a date"))]
        return [*dated, *ForecastState.choices, (self.ALL, _("All"))]

    def value(self) -> str:
        asked = super().value()
        return asked if asked in dict(self.lookup_choices) else self.DATED

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == self.DATED:
            alone = Q(shared_key="") | Q(level=ForecastLevel.VOLUME)
            return queryset.filter(alone, IS_DATED)
        if self.value() == self.UNDATED:
            return queryset.exclude(IS_DATED)
        return queryset if self.value() == self.ALL else queryset.filter(state=self.value())


def growth(row: Forecast) -> int:
    """Bytes in a month."""
    return round(row.weekly_bytes * MONTH / WEEK)


@admin.register(Forecast)
class ForecastAdmin(RowAdmin):
    list_display = [
        "target",
        "server",
        bytes_column(
            "level_bytes", gettext_lazy("mean of the week"), attrgetter("level_bytes"), ordering="level_bytes"
        ),
        bytes_column("month_bytes", gettext_lazy("growth a month"), growth, ordering="weekly_bytes", sign=True),
        "used_percent",
        "full",
        "outlook",
        "sure",
    ]
    list_filter = [OutlookFilter, ("level", ChoicesDropdownFilter), TagFilter, ENGINE, INSTANCE]
    search_fields = ["database_name", "instance__name", "shared_key"]
    list_before_template = "capacity/forecast/scores.html"
    fields = [*list_display, "made_on"]
    ordering = [FULL_ON.asc(nulls_last=True), Lower("instance__name"), Lower("database_name")]
    none_yet = gettext_lazy(
        "Nothing will be full as far as can be told: there must be limits, and four weeks of samples."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Forecast]:
        return super().get_queryset(request).newest()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return super(RowAdmin, self).get_search_results(request, queryset, search_term)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        answer = super().changelist_view(request, {"scores": scores(), **(extra_context or {})})
        if changelist := (getattr(answer, "context_data", None) or {}).get("cl"):
            answer.context_data["undated"] = undated(changelist, request)
        return answer

    def complete(self, rows: list[Any]) -> None:
        super().complete(rows)
        add_to(rows)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            add_to([row])
        return row

    @admin.display(description=gettext_lazy("of"), ordering="database_name")
    def target(self, row: Any) -> Any:
        if row.level == ForecastLevel.DATABASE:
            return database_link(row.instance_id, row.database_name)
        if row.level == ForecastLevel.VOLUME:
            return told(row.get_level_display(), row.shared_key)
        return _("Whole instance") if row.level == ForecastLevel.INSTANCE else row.get_level_display()

    @admin.display(description=gettext_lazy("instance"), ordering="instance__name")
    def server(self, row: Any) -> Any:
        return instance_link(row.instance) if row.instance else "–"

    @admin.display(description=gettext_lazy("used"))
    def used_percent(self, row: Any) -> SafeString:
        return used_cell(row.outlook_found.usage)

    @admin.display(description=gettext_lazy("full on"), ordering=nulls_last(FULL_ON))
    def full(self, row: Any) -> SafeString:
        return full_cell(row.outlook_found)

    @admin.display(description=gettext_lazy("forecast"))
    def outlook(self, row: Any) -> SafeString:
        return forecast_cell(row.outlook_found)

    @admin.display(description=gettext_lazy("confidence"), ordering="confidence")
    def sure(self, row: Any) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', row.get_confidence_display())


def add_to(rows: list[Any]) -> None:
    """To each of these forecasts what its columns show beside it."""
    for row, usage in zip(rows, usage_of_forecasts(rows), strict=True):
        row.outlook_found = Outlook(usage, row)


def undated(changelist: Any, request: HttpRequest) -> dict[str, str] | None:
    """What the list leaves out of the databases it is about: how many, why, and where they are. One query."""
    [chooser] = [one for one in changelist.filter_specs if isinstance(one, OutlookFilter)]
    if chooser.value() != OutlookFilter.DATED:
        return None
    others = changelist.get_queryset(request, exclude_parameters=chooser.expected_parameters())
    rows = others.filter(level=ForecastLevel.DATABASE).exclude(IS_DATED).order_by()
    counts = sorted(rows.values_list("state").annotate(n=Count("pk")), key=lambda pair: -pair[1])
    total = sum(count for _state, count in counts)
    text = ngettext(
        "%(count)d database has no date: %(reasons)s.", "%(count)d databases have no date: %(reasons)s.", total
    )
    reasons = listed(noted(ForecastState(state).label, count) for state, count in counts)
    asked = {chooser.parameter_name: OutlookFilter.UNDATED, "level__exact": ForecastLevel.DATABASE.value}
    url = changelist.get_query_string(asked, remove=["p"])
    return {"text": text % {"count": total, "reasons": reasons}, "url": url} if total else None


def scores() -> list[str]:
    """How far the last forecasts of databases were off whose day has come."""
    errors = [(days, median_error(days, _made_so_long_ago(days))) for days in HORIZONS]
    return [score_sentence(days, error) for days, error in errors if error is not None]


def _made_so_long_ago(days: int) -> Q:
    """One of each database, two at most: of each week one is kept."""
    last = today() - timedelta(days=days)
    return Q(level=ForecastLevel.DATABASE, made_on__range=(last - timedelta(days=2 * WEEK - 1), last))

"""The period rows of both levels: lists, single rows, summaries, tops and the export."""

from datetime import date
from typing import Any

from django import forms
from django.db.models import Prefetch, QuerySet
from django.http import StreamingHttpResponse
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters.utils import translate_validation
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from capacity.aggregation.rollup import DATABASE_LEVEL, INSTANCE_LEVEL, Level
from capacity.errors import PeriodError
from capacity.insight import csv_export
from capacity.insight.summary import RANKED_BY, Figures, newest_complete, summarise, top_rows
from capacity.models import Instance
from capacity.periods import Period, PeriodType, today
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.pagination import Pages

from .filters import DatabaseRowFilters, InstanceRowFilters, PeriodRowFilters, WholeNumberField, WordField
from .pages import RowPages
from .schema import DATABASE_ROW, INSTANCE_ROW, MOST, describe
from .serializers import (
    DatabaseRowSerializer,
    InstanceRowSerializer,
    SummarySerializer,
    TopDatabasesSerializer,
    TopInstancesSerializer,
    TopSerializer,
)

ACTIONS = ("list", "retrieve", "summary", "top")


class CSVRenderer(JSONRenderer):
    """Lets a client ask for CSV; the view streams it."""

    media_type = "text/csv"
    format = "csv"


class TopForm(forms.Form):
    by = WordField(
        choices=[(name, name) for name in RANKED_BY],
        required=False,
        error_messages={
            "invalid_choice": format_lazy(gettext_lazy("It is none of: {choices}."), choices=", ".join(RANKED_BY))
        },
    )
    limit = WholeNumberField(min_value=1, max_value=MOST, required=False)


class PeriodRowViewSet(ListModelMixin, RetrieveModelMixin, BaseViewSet):
    """What both levels do alike; a subclass says which level it is."""

    level: Level
    filterset_class: type[PeriodRowFilters]
    top_serializer_class: type[TopSerializer]
    pagination_class = RowPages
    ordering_key: tuple[str, ...] = ("period_type", "instance_id")
    extra_parameters = {"list": ("format",), "top": ("by", "limit")}
    lookup_value_converter = "int"

    @property
    def ordering_fields(self) -> dict[str, str]:
        """The words of `top/`, and the columns themselves."""
        figures = Figures.of(self.level)
        by = {name: getattr(figures, name) for name in RANKED_BY}
        return {"period_start": "period_start", **by, **{column: column for column in by.values()}}

    @property
    def ordering(self) -> list[str]:
        """The newest first. All columns descend, as they do in an index that is read backwards."""
        return [f"-{column}" for column in ("period_start", *self.ordering_key)]

    def allowed_parameters(self) -> list[str]:
        names = super().allowed_parameters()
        return sorted([*names, *self.filterset_class.base_filters] if self.action in ("summary", "top") else names)

    def get_queryset(self) -> QuerySet[Any]:
        # The instances apart: the rows are then found by one index of one table, and no password is read.
        instances = Prefetch("instance", Instance.objects.only("id", "name", "db_type"))
        return self.level.rows._default_manager.prefetch_related(instances)

    def get_renderers(self) -> list[BaseRenderer]:
        return [JSONRenderer(), CSVRenderer()] if self.action == "list" else [JSONRenderer()]

    def check_throttles(self, request: Request) -> None:
        if _wants_csv(request):
            self.throttle_scope = "export"
        super().check_throttles(request)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """The newest period first. `?format=csv`: all rows of the filters in their order as a file, without pages.

        Sorted by a size or a change, more than 20,000 rows are a 400: narrow the filters, or ask for the CSV.
        """
        if not _wants_csv(request):
            return super().list(request, *args, **kwargs)
        for name in (Pages.page_query_param, str(Pages.page_size_query_param)):
            if name in request.query_params:
                raise ValidationError({name: [_("A CSV has no pages: it has all rows.")]}, code="no_pages")
        lines = csv_export.export(self.filter_queryset(self.get_queryset()))
        lines.begin()  # so that a database that fails now is a problem, not a broken file
        answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8; header=present")
        answer["Content-Disposition"] = f'attachment; filename="{self.level.rows._meta.db_table}_{today()}.csv"'
        return answer

    @action(detail=False)
    def summary(self, request: Request) -> Response:
        """A period in a few numbers: how many rows, their sizes added up, what changed, what grows and shrinks.

        The period is the newest complete one that has rows, of `period_type` (daily) and within the given days, or
        the one that begins on `period_start`.
        """
        rows, about = self._rows_of_a_period(request)
        return Response(SummarySerializer({**about, **summarise(self.level, rows, about["period"])}).data)

    @action(detail=False)
    def top(self, request: Request) -> Response:
        """The largest rows of a period `by` size, growth_bytes or growth_percent; the period is that of `summary/`.

        Rows without a previous period have no growth, and are not among the tops of growth.
        """
        form = TopForm(request.query_params)
        if not form.is_valid():
            raise translate_validation(form.errors)
        by, limit = form.cleaned_data["by"] or RANKED_BY[0], form.cleaned_data["limit"] or 10
        rows, about = self._rows_of_a_period(request)
        results = top_rows(self.level, rows, by, limit)
        return Response(self.top_serializer_class({**about, "by": by, "results": results}).data)

    def _rows_of_a_period(self, request: Request) -> tuple[QuerySet[Any], dict[str, Any]]:
        """The rows of the filters and of one period, and which period it is."""
        filters = self.filterset_class(request.query_params, self.get_queryset(), request=request)
        if not filters.is_valid():
            raise translate_validation(filters.errors)
        type = filters.form.cleaned_data["period_type"] or PeriodType.DAILY.value
        start = filters.form.cleaned_data["period_start"]
        period = exactly(type, start) if start else newest_complete(filters.of_period(), type, today())
        rows = filters.qs.filter(period_type=type, period_start=period.start) if period else filters.qs.none()
        about = {"period_start": period and period.start, "period_end": period and period.end}
        return rows, {"period": period, "period_type": type, **about}


@describe(DatabaseRowSerializer, TopDatabasesSerializer, DATABASE_ROW)
class DatabaseRowViewSet(PeriodRowViewSet):
    """What every database weighed in every day, week, month and quarter."""

    level = DATABASE_LEVEL
    serializer_class = DatabaseRowSerializer
    top_serializer_class = TopDatabasesSerializer
    filterset_class = DatabaseRowFilters
    ordering_key = ("period_type", "instance_id", "database_name")
    required_permissions = dict.fromkeys(ACTIONS, "capacity.view_databasesizeaggregation")


@describe(InstanceRowSerializer, TopInstancesSerializer, INSTANCE_ROW)
class InstanceRowViewSet(PeriodRowViewSet):
    """The same of every instance, with its trend."""

    level = INSTANCE_LEVEL
    serializer_class = InstanceRowSerializer
    top_serializer_class = TopInstancesSerializer
    filterset_class = InstanceRowFilters
    required_permissions = dict.fromkeys(ACTIONS, "capacity.view_instancesizeaggregation")


def exactly(type: str, start: date) -> Period:
    """The period that begins on that day; a 400 when none does."""
    try:
        period = Period.containing(type, start)
    except PeriodError as error:
        raise ValidationError({"period_start": [str(error)]}, code=error.code) from None
    if period.start != start:
        text = _("No %(type)s period begins on %(day)s: the one with that day begins on %(start)s.")
        values = {"type": type, "day": start, "start": period.start}
        raise ValidationError({"period_start": [text % values]}, code="no_first_day")
    return period


def _wants_csv(request: Request) -> bool:
    return request.accepted_renderer.format == CSVRenderer.format

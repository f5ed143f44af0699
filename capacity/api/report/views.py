from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from capacity.api.rows.views import CSVRenderer
from capacity.errors import PeriodError
from capacity.insight.report import as_csv, as_dict, as_html, make_report, month_of
from capacity.inventory.selection import Selection, UnknownTag
from capacity.periods import today
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.filters import NamesField
from sync_sessions.common.api.permissions import model_permissions

MONTH = {"type": "string", "pattern": r"^\d{4}-\d{2}$"}
TAGS = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 60}}


class HTMLRenderer(JSONRenderer):
    """Lets a client ask for the page; the view writes it."""

    media_type = "text/html"
    format = "html"


class ReportViewSet(BaseViewSet):
    list_actions = ()
    extra_parameters = {"list": ("month", "tag", "format")}
    pagination_class = None  # type: ignore[assignment]  # it is one answer
    required_permissions = model_permissions("capacity.databasesizestat", "list")
    throttle_scope = "export"  # it reads a month of everything

    def repeatable_parameters(self) -> set[str]:
        return {"tag"}

    def get_renderers(self) -> list[BaseRenderer]:
        return [JSONRenderer(), CSVRenderer(), HTMLRenderer()]

    @extend_schema(
        parameters=[
            OpenApiParameter("month", MONTH, description="YYYY-MM (the last complete one)"),
            OpenApiParameter(
                "tag",
                TAGS,
                explode=True,
                description="names of tags: instances that have any of them (without it the whole fleet); one that is "
                "not there is a 400",
            ),
        ],
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "text/html"): OpenApiTypes.STR,
        },
    )
    def list(self, request: Request) -> Any:
        """The report of a month: as JSON, as one page that prints (`?format=html`), or every database as CSV."""
        day, tags = today(), NamesField(required=False).clean(request.query_params.getlist("tag"))
        try:
            report = make_report(month_of(request.query_params.get("month"), day), Selection.tagged(tags), day)
        except PeriodError as error:
            raise ValidationError({"month": [str(error)]}, code=error.code) from None
        except UnknownTag as error:
            raise ValidationError({"tag": [str(error)]}, code=error.code) from None
        match request.accepted_renderer.format:
            case CSVRenderer.format:
                answer = HttpResponse(as_csv(report), content_type="text/csv; charset=utf-8; header=present")
                name = f"capacity-{report.month.start:%Y-%m}.csv"
                answer["Content-Disposition"] = f'attachment; filename="{name}"'
                return answer
            case HTMLRenderer.format:
                return HttpResponse(as_html(report))
            case _json:
                return Response(as_dict(report))

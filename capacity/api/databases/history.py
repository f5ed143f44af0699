"""Sizes over time, of a few databases and instances side by side."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from capacity.api.rows.serializers import RowInstanceSerializer
from capacity.collection.validation import normal_name
from capacity.insight.history import MOST_DAYS, MOST_SERIES, STEPS, USUAL_DAYS, Asked, HistoryError, Line
from capacity.models import DatabaseDayStat, Instance
from capacity.periods import today
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.permissions import model_permissions

SERIES = {
    "type": "array",
    "items": {"type": "string", "pattern": r"^[0-9]{1,18}(:.{0,255})?$"},
    "minItems": 1,
    "maxItems": MOST_SERIES,
}
DAY = {"type": "string", "format": "date"}
EXAMPLE = {
    "from": "2025-03-04",
    "to": "2025-03-05",
    "step": "daily",
    "series": [
        {
            "series": "7:sales",
            "instance": {"id": 7, "name": "prod-pg-1", "db_type": "postgresql"},
            "database_name": "sales",
            "points": [
                {"day": "2025-03-04", "size_bytes": 7340032000, "data_size_bytes": None, "log_size_bytes": None}
            ],
        }
    ],
}


class PointSerializer(serializers.Serializer[Any]):
    day = serializers.DateField(help_text="The first day of the step.")
    size_bytes = serializers.IntegerField(help_text="The last size of the last day of the step that has a sample.")
    data_size_bytes = serializers.IntegerField(allow_null=True)
    log_size_bytes = serializers.IntegerField(allow_null=True)


class LineSerializer(serializers.Serializer[Any]):
    series = serializers.CharField(help_text="As it was asked for, the name in its normal form (NFC).")
    instance = RowInstanceSerializer()
    database_name = serializers.CharField(allow_blank=True, help_text="Blank: the whole instance.")
    points = PointSerializer(many=True, help_text="Oldest first; a step without a sample has none.")


@extend_schema_serializer(many=False)
class HistorySerializer(serializers.Serializer[Any]):
    step = serializers.ChoiceField(choices=STEPS)
    series = LineSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        # `from` is no name for an attribute of a class.
        return {"from": serializers.DateField(), "to": serializers.DateField(), **super().get_fields()}


class DatabaseHistoryViewSet(BaseViewSet):
    queryset = DatabaseDayStat.objects.none()  # the schema asks what it is about
    serializer_class = HistorySerializer
    list_actions = ()
    extra_parameters = {"list": ("series", "from", "to", "step")}
    pagination_class = None  # type: ignore[assignment]  # it is one answer
    required_permissions = model_permissions("capacity.databasesizestat", "list")

    def repeatable_parameters(self) -> set[str]:
        return {"series"}

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "series",
                SERIES,
                required=True,
                explode=True,
                description="ID:NAME, a database of the instance with that id, or ID, the whole instance",
            ),
            OpenApiParameter("from", DAY, description=f"first day ({USUAL_DAYS - 1} days before the last one)"),
            OpenApiParameter("to", DAY, description=f"last day (today); at most {MOST_DAYS} days in all"),
            OpenApiParameter("step", str, enum=STEPS, default=STEPS[0]),
        ],
        responses=HistorySerializer,
        examples=[OpenApiExample("A database", value=EXAMPLE, response_only=True)],
    )
    def list(self, request: Request) -> Response:
        """The sizes of up to 10 databases or instances by day, week or month, for charts and comparison."""
        series = list(map(normal_name, request.query_params.getlist("series")))
        if not series:
            raise ValidationError({"series": [_("Give at least one series.")]}, code="required")
        try:
            asked = Asked.read(request.query_params, series, today()).filled()
        except HistoryError as error:
            raise ValidationError({error.parameter: [str(error)]}, code=error.code) from None
        # As plain values: a serializer would take ten times as long as the queries.
        lines = [_line(line) for line in asked.lines]
        return Response({"from": asked.first, "to": asked.last, "step": asked.step, "series": lines})


def _line(line: Line) -> dict[str, Any]:
    return {
        "series": line.key,
        "instance": instance_of(line.instance),
        "database_name": line.database_name,
        "points": [
            {"day": day, "size_bytes": size, "data_size_bytes": data, "log_size_bytes": log}
            for day, size, data, log in line.points
        ],
    }


def instance_of(instance: Instance) -> dict[str, Any]:
    return {"id": instance.pk, "name": instance.name, "db_type": instance.db_type}

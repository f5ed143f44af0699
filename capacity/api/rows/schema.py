"""What the schema says of the period rows beyond what it can read from the views."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view

from capacity.insight.summary import RANKED_BY

from .serializers import PeriodRowSerializer, SummarySerializer, TopSerializer

MOST = 100  #: rows of a top

PERIOD = {"period_type": "daily", "period_start": "2025-03-04", "period_end": "2025-03-04"}
INSTANCE = {"id": 7, "name": "prod-pg-1", "db_type": "postgresql"}
STAMPS = {"calculated_at": "2025-03-05T04:00:07.312645+08:00", "created_at": "2025-03-05T04:00:07.312645+08:00"}
SIZES = {"avg": 7340032000, "min": 7340000000, "max": 7340064000}
DATABASE_ROW = {
    "id": 4711,
    "instance": INSTANCE,
    "database_name": "sales",
    **PERIOD,
    "sample_count": 4,
    "covered_days": 1,
    **{f"{name}_size_bytes": size for name, size in SIZES.items()},
    **{f"{name}_data_size_bytes": size - 40000000 for name, size in SIZES.items()},
    **{f"{name}_log_size_bytes": None for name in SIZES},
    "size_change_bytes": 73400320,
    "size_change_percent": 1.01,
    "data_size_change_bytes": 73000000,
    "data_size_change_percent": 1.01,
    "log_size_change_bytes": None,
    "log_size_change_percent": None,
    **STAMPS,
}
INSTANCE_ROW = {
    "id": 815,
    "instance": INSTANCE,
    **PERIOD,
    "sample_count": 1,
    "covered_days": 1,
    **{f"{name}_total_size_bytes": 91340032000 for name in SIZES},
    "avg_database_count": 12.0,
    "min_database_count": 12,
    "max_database_count": 12,
    "total_size_change_bytes": 4567001600,
    "total_size_change_percent": 5.26,
    "database_count_change": 0.0,
    "database_count_change_percent": 0.0,
    "trend_direction": "growing",
    **STAMPS,
}


def describe(
    row: type[PeriodRowSerializer], top: type[TopSerializer], example: dict[str, Any]
) -> Callable[[type[Any]], type[Any]]:
    """Decorates the view of a level: its answers, the CSV among them, with that row for an example."""
    return extend_schema_view(
        list=extend_schema(
            responses={(200, "application/json"): row(many=True), (200, "text/csv"): OpenApiTypes.STR},
            examples=[
                OpenApiExample("A row", value=example, response_only=True, media_type="application/json"),
                OpenApiExample(
                    "A file",
                    summary="all columns, instance_name and db_type among them",
                    value="id,instance_id,instance_name,db_type,...\r\n4711,7,prod-pg-1,postgresql,...\r\n",
                    response_only=True,
                    media_type="text/csv",
                ),
            ],
        ),
        summary=extend_schema(filters=True, responses=SummarySerializer),
        top=extend_schema(
            filters=True,
            responses=top,
            parameters=[
                OpenApiParameter("by", str, enum=RANKED_BY, default=RANKED_BY[0], description="what to rank by"),
                OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": 10}),
            ],
            examples=[
                OpenApiExample("The largest", value={**PERIOD, "by": "size", "results": [example]}, response_only=True)
            ],
        ),
    )

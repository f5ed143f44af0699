"""Limits, which people enter; forecasts and events, which are derived."""

from typing import Any

import django_filters
from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin
from rest_framework.viewsets import ModelViewSet

from capacity.api.filters import DatabaseFilter
from capacity.insight.outlook import FULL_ON
from capacity.inventory.limits import check_entered
from capacity.models import (
    CapacityEvent,
    CapacityLimit,
    DbType,
    EventKind,
    Forecast,
    ForecastLevel,
    ForecastState,
    LimitSource,
)
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.filters import AnyOfFilter, DayFilter, FlagFilter, InstancesFilter, TagFilter
from sync_sessions.common.api.permissions import model_permissions
from sync_sessions.common.history import log_added, log_changed, log_deleted

from .serializers import EventSerializer, ForecastSerializer, LimitSerializer


class OfInstance(django_filters.FilterSet):
    """What rows with an instance and a database are filtered by."""

    instance = InstancesFilter("instance_id")
    tag = TagFilter()
    db_type = AnyOfFilter("instance__db_type", choices=DbType.choices, label="engines")
    database_name = DatabaseFilter()


class LimitFilters(OfInstance):
    source = AnyOfFilter("source", choices=LimitSource.choices, label="where it comes from")
    shared_key = django_filters.CharFilter("shared_key", max_length=255, strip=False, label="name of a volume")


@extend_schema_view(
    create=extend_schema(
        examples=[
            OpenApiExample(
                "A database that may become 2 TiB large",
                value={"instance": "prod-pg-1", "database_name": "sales", "limit_bytes": 2 * 2**40},
                request_only=True,
            ),
            OpenApiExample(
                "A whole instance on a volume that it shares with others",
                value={"instance": 7, "limit_bytes": 8 * 2**40, "shared_key": "D:", "note": "array 3"},
                request_only=True,
            ),
        ]
    )
)
class LimitViewSet(BaseViewSet, ModelViewSet[CapacityLimit]):
    """How large databases and instances may become. Those that collecting has found can be read, not changed: 409.

    Of several of one database that which was entered counts, then that of its tablespace, its file, its volume.
    """

    queryset = CapacityLimit.objects.select_related("instance", "updated_by")
    serializer_class = LimitSerializer
    filterset_class = LimitFilters
    ordering = ("instance_id", "database_name", "source")
    ordering_fields = {"limit": "limit_bytes", "updated_at": "updated_at"}
    lookup_value_converter = "int"
    required_permissions = model_permissions("capacity.capacitylimit")

    @transaction.atomic
    def perform_create(self, serializer: Any) -> None:
        log_added(self.request.user, [serializer.save(updated_by=self.request.user)])

    @transaction.atomic
    def perform_update(self, serializer: Any) -> None:
        stored = serializer.instance
        changed = [name for name, value in serializer.validated_data.items() if value != getattr(stored, name)]
        log_changed(self.request.user, [serializer.save(updated_by=self.request.user)], changed)

    @transaction.atomic
    def perform_destroy(self, limit: CapacityLimit) -> None:
        check_entered(limit)
        log_deleted(self.request.user, limit)
        limit.delete()

    def get_object(self) -> CapacityLimit:
        limit: CapacityLimit = super().get_object()
        if self.action in ("update", "partial_update"):
            check_entered(limit)
        return limit


class EventFilters(OfInstance):
    kind = AnyOfFilter("kind", choices=EventKind.choices, label="what happened")
    day_after = DayFilter("day", "gte", label="that day or later")
    day_before = DayFilter("day", "lte", label="that day or earlier")


class EventViewSet(ListModelMixin, BaseViewSet):
    """What changed by more than usual, the newest first: jumps and drops, databases that appeared and vanished.

    `usual_bytes` is the usual largest change of a day in that direction, in the quarter before.
    """

    queryset = CapacityEvent.objects.select_related("instance")
    serializer_class = EventSerializer
    filterset_class = EventFilters
    ordering = ("-day", "instance_id", "database_name")
    ordering_fields = {"day": "day"}
    required_permissions = model_permissions("capacity.capacityevent", "list")


def _by_date(descending: bool) -> list[Any]:
    return [FULL_ON.desc(nulls_last=True) if descending else FULL_ON.asc(nulls_last=True)]


class ForecastFilters(OfInstance):
    level = AnyOfFilter("level", choices=ForecastLevel.choices, label="of what")
    state = AnyOfFilter("state", choices=ForecastState.choices, label="states")
    shared_key = django_filters.CharFilter("shared_key", max_length=255, strip=False, label="name of a volume")
    is_newest = FlagFilter("is_newest", label="the newest of its target, which counts; the others are kept for scores")
    expected_before = DayFilter("expected_on", "lte", label="full on that day or earlier")
    made_after = DayFilter("made_on", "gte", label="made on that day or later")
    made_before = DayFilter("made_on", "lte", label="made on that day or earlier")


class ForecastViewSet(ListModelMixin, BaseViewSet):
    """What will be full and when; without `is_newest` the newest forecasts, what is full first, then by their dates.

    `is_newest=false` gives the older ones, one a week, with `error_..._percent`: how far the size was from what was
    told, when that day had come.
    """

    queryset = Forecast.objects.select_related("instance")
    serializer_class = ForecastSerializer
    filterset_class = ForecastFilters
    ordering = (FULL_ON.asc(nulls_last=True), "id")
    ordering_fields = {
        "expected_on": _by_date,
        "size": "level_bytes",
        "growth": "weekly_bytes",
        "made_on": "made_on",
    }
    required_permissions = model_permissions("capacity.forecast", "list")

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return rows if "is_newest" in self.request.query_params else rows.newest()

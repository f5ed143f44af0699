from typing import Any

import django_filters
from django.db import transaction
from django.db.models.functions import Lower
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.mixins import (
    CreateModelMixin,
    DestroyModelMixin,
    ListModelMixin,
    RetrieveModelMixin,
    UpdateModelMixin,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from capacity.api.runs import run_plan
from capacity.api.serializers import InstanceAggregationSerializer, RunListSerializer
from capacity.api.states import orderings
from capacity.collection.tables import newest, take_snapshot
from capacity.insight.outlook import INSTANCES
from capacity.inventory import rules
from capacity.inventory.deletion import delete_instance
from capacity.inventory.selection import Selection
from capacity.models import DbType, Instance
from capacity.runs.kinds import COLLECTION
from capacity.runs.spec import RunSpec
from capacity.runs.start import start
from capacity.runs.switch import check_enabled
from sync_sessions.api.serializers import SyncSessionSerializer
from sync_sessions.common.api.asynchronous import RESPOND_ASYNC, accepted, wants_queue
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.fields import NoFields
from sync_sessions.common.api.filters import AnyOfFilter, FlagFilter, TagFilter
from sync_sessions.common.api.permissions import model_permissions
from sync_sessions.common.history import log_added, log_changed
from sync_sessions.tellable import tellable_result

from .serializers import CollectionResultSerializer, InstanceSerializer, with_outlooks
from .tables import TableSnapshotSerializer, TablesRequestSerializer, told


def _by_name(descending: bool) -> list[Any]:
    """Without regard to case, as people look for names."""
    return [Lower("name").desc() if descending else Lower("name").asc()]


class InstanceFilters(django_filters.FilterSet):
    name = django_filters.CharFilter("name", "icontains", label="part of the name", max_length=255)
    db_type = AnyOfFilter("db_type", choices=DbType.choices)
    is_active = FlagFilter("is_active")
    tag = TagFilter()


@extend_schema_view(
    create=extend_schema(
        examples=[
            OpenApiExample(
                "A server to collect from",
                value={
                    "name": "prod-pg-1",
                    "db_type": "postgresql",
                    "host": "10.0.0.5",
                    "username": "whalefall",
                    "password": "...",
                },
                request_only=True,
            ),
            OpenApiExample(
                "One whose samples are pushed", value={"name": "erp", "db_type": "oracle"}, request_only=True
            ),
        ]
    )
)
class InstanceViewSet(
    ListModelMixin, CreateModelMixin, RetrieveModelMixin, UpdateModelMixin, DestroyModelMixin, BaseViewSet
):
    """The database servers. Passwords can be set, never read."""

    queryset = Instance.objects.select_related("state").prefetch_related("tags")
    serializer_class = InstanceSerializer
    filterset_class = InstanceFilters
    ordering = (Lower("name").asc(), "id")
    ordering_fields = {"name": _by_name, **orderings(INSTANCES, "state__")}
    lookup_value_converter = "int"
    required_permissions = {
        **model_permissions("capacity.instance"),
        "collect": "capacity.trigger_aggregation",
        "aggregate": "capacity.trigger_aggregation",
        "tables": "capacity.view_databasesizestat",
        "measure_tables": "capacity.trigger_aggregation",
    }

    extra_parameters = {"tables": ("database_name",)}

    def paginate_queryset(self, queryset: Any) -> Any:
        rows: Any = super().paginate_queryset(queryset)
        with_outlooks(rows)
        return rows

    @transaction.atomic
    def perform_create(self, serializer: BaseSerializer[Instance]) -> None:
        log_added(self.request.user, [serializer.save()])

    @transaction.atomic
    def perform_update(self, serializer: BaseSerializer[Instance]) -> None:
        """Its history names what is another now; a password whenever one was given."""
        stored: Any = serializer.instance
        given = serializer.validated_data
        changed = [name for name, value in given.items() if name == "password" or value != _stored(stored, name)]
        log_changed(self.request.user, [serializer.save()], changed)

    def perform_destroy(self, instance: Instance) -> None:
        """409 for an instance with samples or period rows: deactivate it instead."""
        delete_instance(instance, by=self.request.user)

    @extend_schema(
        request=NoFields,
        responses={200: CollectionResultSerializer, 202: SyncSessionSerializer},
        parameters=[RESPOND_ASYNC],
    )
    @action(detail=True, methods=["post"], throttle_scope="trigger")
    def collect(self, request: Request, pk: str) -> Response:
        """Measures this server now and stores its sizes; a failure is in the answer, with the reason.

        409 when it is inactive or has no host, and while a collection is under way.
        """
        NoFields(data=request.data).is_valid(raise_exception=True)
        instance = self.get_object()
        rules.check_collectable(instance)
        spec = RunSpec(COLLECTION, Selection.of([instance]), created_by=request.user)
        started = start(spec, queue=wants_queue(request))
        if started.outcome is None:
            return accepted(request, started.session)
        return Response(tellable_result(started.outcome.as_dict(), request.user))

    @extend_schema(
        request=InstanceAggregationSerializer,
        responses={200: RunListSerializer, 202: SyncSessionSerializer},
        parameters=[RESPOND_ASYNC],
        examples=[OpenApiExample("The current day", value={"periods": ["daily"]}, request_only=True)],
    )
    @action(detail=True, methods=["post"], throttle_scope="trigger")
    def aggregate(self, request: Request, pk: str) -> Response:
        """Aggregates this instance: the current day, the last complete week, month and quarter, or some of them.

        `Prefer: respond-async` is applied to a single period. 409 when the instance is inactive.
        """
        check_enabled()
        asked = InstanceAggregationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        instance = self.get_object()
        rules.check_active(instance)
        return run_plan(request, asked.validated_data["plan"], asked.validated_data["scope"], Selection.of([instance]))

    @extend_schema(
        parameters=[TablesRequestSerializer], responses={200: TableSnapshotSerializer}, filters=False, request=None
    )
    @action(detail=True, methods=["get"], throttle_scope="trigger")
    def tables(self, request: Request, pk: str) -> Response:
        """The largest tables of a database, as they were measured last, and what they grew by; 404 when never."""
        asked = TablesRequestSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        found = newest(self.get_object(), asked.validated_data["database_name"])
        if not found:
            raise NotFound
        return Response(told(found[0], found[1] if len(found) > 1 else None))

    @extend_schema(request=TablesRequestSerializer, responses={200: TableSnapshotSerializer})
    @tables.mapping.post
    def measure_tables(self, request: Request, pk: str) -> Response:
        """Measures the largest tables of a database now, within 10 s, and keeps them. 409 with the reason when not."""
        asked = TablesRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        instance, database = self.get_object(), asked.validated_data["database_name"]
        rules.check_collectable(instance)
        before = newest(instance, database)[:1]
        now = take_snapshot(instance, database, request.user)
        return Response(told(now, before[0] if before else None))


def _stored(instance: Instance, name: str) -> Any:
    """As a request gives it."""
    return list(instance.tags.all()) if name == "tags" else getattr(instance, name)

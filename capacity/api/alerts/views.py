from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from capacity.alerts.state import acknowledge, silence
from capacity.api.filters import DatabaseFilter
from capacity.models import Alert, AlertStatus, RuleKind, Severity
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.filters import AnyOfFilter, InstancesFilter, MomentFilter, TagFilter
from sync_sessions.common.api.permissions import model_permissions

from .serializers import AlertSerializer, NoteSerializer, SilenceSerializer


class AlertFilters(django_filters.FilterSet):
    status = AnyOfFilter("status", choices=[one for one in AlertStatus.choices if one[0] != AlertStatus.PENDING])
    severity = AnyOfFilter("severity", choices=Severity.choices)
    kind = AnyOfFilter("kind", choices=RuleKind.choices)
    instance = InstancesFilter()
    tag = TagFilter()
    database_name = DatabaseFilter()
    opened_at_after = MomentFilter("opened_at", "gte")
    opened_at_before = MomentFilter("opened_at", "lte")


class AlertViewSet(ListModelMixin, RetrieveModelMixin, BaseViewSet):
    """Alerts, the newest first; the rules that open them are edited in the admin."""

    queryset = Alert.objects.exclude(status=AlertStatus.PENDING).select_related("acknowledged_by")
    serializer_class = AlertSerializer
    filterset_class = AlertFilters
    ordering = ["-opened_at", "-id"]
    required_permissions = {
        **model_permissions("capacity.alert", "list", "retrieve"),
        "acknowledge": "capacity.change_alert",
        "silence": "capacity.change_alert",
    }
    lookup_value_converter = "int"

    @extend_schema(request=NoteSerializer, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: Any) -> Response:
        """Says that somebody has seen it: quiet until it is over. 409 when it is not open."""
        asked = NoteSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        alert = self.get_object()
        acknowledge(alert, by=request.user, **asked.validated_data)
        return Response(self.get_serializer(alert).data)

    @extend_schema(request=SilenceSerializer, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def silence(self, request: Request, pk: Any) -> Response:
        """Keeps it quiet until a moment, however it goes. 409 when it has ended."""
        asked = SilenceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        alert = self.get_object()
        silence(alert, by=request.user, **asked.validated_data)
        return Response(self.get_serializer(alert).data)

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService

from .serializers import CurrentAggregationSerializer


class AggregationDisabled(APIException):
    status_code = 503
    default_detail = _("Aggregation is switched off: set WHALEFALL_AGGREGATION_ENABLED=true to run it.")
    default_code = "aggregation_disabled"


class MayTriggerAggregation(BasePermission):
    message = _("You need the permission to start aggregation runs.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.has_perm("capacity.trigger_aggregation")


class CapacityAggregationViewSet(ViewSet):
    permission_classes = [MayTriggerAggregation]

    @action(detail=False, methods=["post"])
    def current(self, request: Request) -> Response:
        """Aggregates the current day in this request and answers with its numbers and its session."""
        if not settings.WHALEFALL_AGGREGATION_ENABLED:
            raise AggregationDisabled
        asked = CurrentAggregationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        result = CurrentAggregationService().aggregate_current(
            CurrentAggregationRequest(
                scope=asked.validated_data.get("scope"),
                requested_period_type=asked.validated_data.get("period_type"),
                created_by=request.user,
            )
        )
        return Response(result)

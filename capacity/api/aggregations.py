from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.tasks import aggregate_current
from sync_sessions.api.base import BaseViewSet
from sync_sessions.services import sync_session_service

from .serializers import CurrentAggregationSerializer


class AggregationDisabled(APIException):
    status_code = 503
    default_detail = _("Aggregation is switched off: set WHALEFALL_AGGREGATION_ENABLED=true to run it.")
    default_code = "aggregation_disabled"


class CapacityAggregationViewSet(BaseViewSet):
    serializer_class = CurrentAggregationSerializer
    required_permissions = {"current": "capacity.trigger_aggregation"}

    @action(detail=False, methods=["post"], throttle_scope="trigger")
    def current(self, request: Request) -> Response:
        """Aggregates the current day, in this request or, with `Prefer: respond-async` and a broker, in a worker.

        200 with the numbers and the session; 202 with the session, which is at `Location`.
        """
        if not settings.WHALEFALL_AGGREGATION_ENABLED:
            raise AggregationDisabled
        asked = CurrentAggregationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        run = CurrentAggregationRequest(
            scope=asked.validated_data.get("scope"),
            requested_period_type=asked.validated_data.get("period_type"),
            created_by=request.user,
        )
        service = CurrentAggregationService()
        if not settings.CELERY_BROKER_URL or not prefers_async(request):
            return Response(service.aggregate_current(run))
        session = service.queue(run, lambda session_id: aggregate_current.apply_async([session_id], retry=False))
        url = reverse("sync-session-detail", kwargs={"session_id": session.session_id}, request=request)
        headers = {"Location": url, "Preference-Applied": "respond-async", "Retry-After": "2"}
        return Response(sync_session_service.snapshot(session), status=202, headers=headers)


def prefers_async(request: Request) -> bool:
    """Whether the request has `Prefer: respond-async` (RFC 7240), alone or among others."""
    preferences = request.headers.get("Prefer", "").split(",")
    return any(one.partition(";")[0].strip().lower() == "respond-async" for one in preferences)

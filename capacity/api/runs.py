from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.inventory.selection import FLEET, Selection
from capacity.periods import Period
from capacity.runs.spec import RunSpec
from capacity.runs.start import run_each, start
from capacity.runs.switch import check_enabled
from sync_sessions.api.serializers import SyncSessionSerializer
from sync_sessions.common.api.asynchronous import RESPOND_ASYNC, accepted, wants_queue
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.tellable import tellable_result

from .serializers import CurrentAggregationSerializer, RunListSerializer, RunResultSerializer, RunsSerializer


class CapacityAggregationViewSet(BaseViewSet):
    serializer_class = CurrentAggregationSerializer
    required_permissions = {
        "current": "capacity.trigger_aggregation",
        "runs": "capacity.trigger_aggregation",
    }

    @extend_schema(
        request=CurrentAggregationSerializer,
        responses={200: RunResultSerializer, 202: SyncSessionSerializer},
        parameters=[RESPOND_ASYNC],
        examples=[OpenApiExample("Both levels, now", value={"scope": "all"}, request_only=True)],
    )
    @action(detail=False, methods=["post"], throttle_scope="trigger")
    def current(self, request: Request) -> Response:
        """Aggregates the current day, in this request or, with `Prefer: respond-async` and a broker, in a worker.

        200 with the numbers and the session; 202 with the session, which is at `Location`.
        """
        check_enabled()
        asked = CurrentAggregationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        run = CurrentAggregationRequest(
            scope=asked.validated_data.get("scope"),
            requested_period_type=asked.validated_data.get("period_type"),
            created_by=request.user,
        )
        if wants_queue(request):
            return accepted(request, start(run.spec(), queue=True).session)
        return Response(tellable_result(CurrentAggregationService().aggregate_current(run), request.user))

    @extend_schema(
        request=RunsSerializer,
        responses={200: RunListSerializer, 202: SyncSessionSerializer},
        parameters=[RESPOND_ASYNC],
        examples=[
            OpenApiExample("Last week and month", value={"periods": ["weekly", "monthly"]}, request_only=True),
            OpenApiExample(
                "Every day of March again, of two instances",
                value={
                    "periods": ["daily"],
                    "from": "2025-03-01",
                    "to": "2025-03-31",
                    "instances": ["prod-pg-1", 7],
                },
                request_only=True,
            ),
        ],
    )
    @action(detail=False, methods=["post"], throttle_scope="trigger")
    def runs(self, request: Request) -> Response:
        """Aggregates the last complete period of each type, or every one that lies wholly inside a range.

        One session per period, one after another, in this request; what was computed before is computed again,
        to the same rows. At most 500 runs. An entry whose period is being run by somebody else has the status
        `busy`; 409 when all have. `Prefer: respond-async` is applied to a single period: 202 with its session.
        """
        check_enabled()
        asked = RunsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        body = asked.validated_data
        return run_plan(request, body["plan"], body["scope"], body["selection"])


def run_plan(request: Request, plan: list[Period], scope: str, selection: Selection = FLEET) -> Response:
    """Runs these periods, or queues the one there is if that is preferred."""
    specs = [RunSpec.of_period(period, scope, selection, created_by=request.user) for period in plan]
    if len(specs) == 1 and wants_queue(request):
        return accepted(request, start(specs[0], queue=True).session)
    return Response({"runs": [tellable_result(one.as_dict(), request.user) for one in run_each(specs)]})

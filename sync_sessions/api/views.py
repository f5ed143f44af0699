from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from sync_sessions.choices import RecordStatus, Scope, SessionStatus, SyncCategory, SyncType
from sync_sessions.common.api.asynchronous import RESPOND_ASYNC, accepted, session_url, wants_queue
from sync_sessions.common.api.base import BaseViewSet
from sync_sessions.common.api.fields import NoFields
from sync_sessions.common.api.filters import AnyOfFilter, InstancesFilter, MomentFilter, TagFilter
from sync_sessions.common.api.permissions import model_permissions
from sync_sessions.details import words
from sync_sessions.kinds import start_permission
from sync_sessions.models import SyncSession
from sync_sessions.retries import retry_session
from sync_sessions.services import sync_session_service

from .serializers import SyncInstanceRecordSerializer, SyncSessionSerializer


class OwnFilters(django_filters.FilterSet):
    status = AnyOfFilter("status", choices=SessionStatus.choices)
    sync_category = AnyOfFilter("sync_category", choices=SyncCategory.choices)
    sync_type = AnyOfFilter("sync_type", choices=SyncType.choices)
    scope = AnyOfFilter("scope", choices=Scope.choices)
    created_by = django_filters.CharFilter("created_by__username", label="user name", max_length=150)
    tag = TagFilter()
    created_at_after = MomentFilter("created_at", "gte")
    created_at_before = MomentFilter("created_at", "lte")


# The URLs are loaded, and this with them, when every app has registered its kinds.
SessionFilters = type(
    "SessionFilters",
    (OwnFilters,),
    {key: AnyOfFilter(f"details__{key}", choices=choices, label=key.replace("_", " ")) for key, choices in words()},
)


class RecordFilters(django_filters.FilterSet):
    status = AnyOfFilter("status", choices=RecordStatus.choices)
    instance = InstancesFilter()
    tag = TagFilter()


class SyncSessionViewSet(ListModelMixin, RetrieveModelMixin, BaseViewSet):
    """The run log, the newest session first."""

    queryset = SyncSession.objects.select_related("created_by").order_by("-id")
    serializer_class = SyncSessionSerializer
    filterset_class = SessionFilters
    required_permissions = {
        **model_permissions("sync_sessions.syncsession", "list", "retrieve"),
        "records": "sync_sessions.view_syncsession",
        "cancel": "sync_sessions.cancel_syncsession",
        "retry": start_permission(),
    }
    list_actions = ("list", "records")
    lookup_field = "session_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> Any:
        # Nobody looks at a dead session that still says running.
        sync_session_service.fail_stale_sessions()
        return super().get_queryset()

    @extend_schema(responses=SyncInstanceRecordSerializer(many=True))
    @action(
        detail=True,
        filterset_class=RecordFilters,
        serializer_class=SyncInstanceRecordSerializer,
    )
    def records(self, request: Request, session_id: Any) -> Response:
        """What happened to each instance of the session."""
        records = self.find().records.order_by("id")
        page = self.paginate_queryset(self.filter_queryset(records))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        request=NoFields,
        responses=SyncSessionSerializer,
        examples=[OpenApiExample("Nothing to say", value={}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, session_id: Any) -> Response:
        """Ends an open session. What is done stays, the run stops at its next chunk. 409 when it has ended."""
        NoFields(data=request.data).is_valid(raise_exception=True)
        session = self.find()
        sync_session_service.cancel_session(session, by=request.user)
        return Response(self.get_serializer(session).data)

    @extend_schema(
        request=NoFields,
        responses={200: SyncSessionSerializer, 202: SyncSessionSerializer},
        parameters=[RESPOND_ASYNC],
    )
    @action(detail=True, methods=["post"], throttle_scope="trigger")
    def retry(self, request: Request, session_id: Any) -> Response:
        """Runs the failed and cancelled instances of an ended session in a new one, which is at `Location`.

        409 while the session is open, when it has nothing to run again, or a run of its kind is under way.
        """
        NoFields(data=request.data).is_valid(raise_exception=True)
        queue = wants_queue(request)
        new = retry_session(self.find(), created_by=request.user, queue=queue)
        if queue:
            return accepted(request, new)
        return Response(self.get_serializer(new).data, headers={"Location": session_url(request, new)})

    def find(self) -> SyncSession:
        """The session of the address; 404 without one. The filters are those of what it contains."""
        session: SyncSession = get_object_or_404(self.get_queryset(), session_id=self.kwargs["session_id"])
        return session

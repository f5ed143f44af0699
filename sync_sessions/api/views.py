from rest_framework.mixins import RetrieveModelMixin

from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .base import BaseViewSet
from .permissions import model_permissions
from .serializers import SyncSessionSerializer


class SyncSessionViewSet(RetrieveModelMixin, BaseViewSet):
    """The run log."""

    queryset = SyncSession.objects.select_related("created_by")
    serializer_class = SyncSessionSerializer
    required_permissions = model_permissions("sync_sessions.syncsession", "list", "retrieve")
    lookup_field = "session_id"
    lookup_value_converter = "uuid"

    def get_object(self) -> SyncSession:
        # Nobody looks at a dead session that still says running.
        sync_session_service.fail_stale_sessions()
        return super().get_object()

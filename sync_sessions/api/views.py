from rest_framework.mixins import RetrieveModelMixin
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.viewsets import GenericViewSet

from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .serializers import SyncSessionSerializer


class ModelPermissions(DjangoModelPermissions):
    """Reading needs the view permission as well."""

    perms_map = {
        **DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }


class SyncSessionViewSet(RetrieveModelMixin, GenericViewSet[SyncSession]):
    """The run log."""

    queryset = SyncSession.objects.select_related("created_by")
    serializer_class = SyncSessionSerializer
    permission_classes = [ModelPermissions]
    lookup_field = "session_id"
    lookup_value_converter = "uuid"

    def get_object(self) -> SyncSession:
        # Nobody looks at a dead session that still says running.
        sync_session_service.fail_stale_sessions()
        return super().get_object()

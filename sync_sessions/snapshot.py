"""A session as JSON: what the API shows of it, and what a run's result has of it."""

from typing import Any

from rest_framework import serializers

from .models import SyncSession
from .tellable import tellable


class SyncSessionSerializer(serializers.ModelSerializer[SyncSession]):
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True, read_only=True)

    class Meta:
        model = SyncSession
        fields = [
            "session_id",
            "sync_type",
            "sync_category",
            "status",
            "scope",
            "details",
            "total_instances",
            "successful_instances",
            "failed_instances",
            "skipped_instances",
            "created_by",
            "task_id",
            "created_at",
            "started_at",
            "heartbeat_at",
            "completed_at",
            "error_code",
            "error_message",
        ]
        read_only_fields = fields

    def to_representation(self, session: SyncSession) -> Any:
        return for_reader(self, super().to_representation(session), session)


def for_reader(serializer: serializers.BaseSerializer[Any], data: Any, session: SyncSession) -> Any:
    """As the user of the request may see it; without a request, as for the process itself, as it is."""
    request = serializer.context.get("request")
    return tellable(data, request.user, session.session_id) if request else data

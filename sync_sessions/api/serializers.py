from typing import Any

from rest_framework import serializers

from sync_sessions.models import SyncInstanceRecord, SyncSession

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
        return _for_reader(self, super().to_representation(session), session)


class SyncInstanceRecordSerializer(serializers.ModelSerializer[SyncInstanceRecord]):
    class Meta:
        model = SyncInstanceRecord
        fields = [
            "id",
            "instance",
            "instance_name",
            "status",
            "started_at",
            "completed_at",
            "items_synced",
            "items_created",
            "items_updated",
            "items_deleted",
            "error_code",
            "error_message",
            "sync_details",
            "created_at",
        ]
        read_only_fields = fields

    def to_representation(self, record: SyncInstanceRecord) -> Any:
        return _for_reader(self, super().to_representation(record), record.session)


def _for_reader(serializer: serializers.BaseSerializer[Any], data: Any, session: SyncSession) -> Any:
    """As the user of the request may see it; without a request, as for the process itself, as it is."""
    request = serializer.context.get("request")
    return tellable(data, request.user, session.session_id) if request else data

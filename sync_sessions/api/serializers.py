from rest_framework import serializers

from sync_sessions.models import SyncInstanceRecord, SyncSession


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

from typing import Any

from rest_framework import serializers

from sync_sessions.models import SyncInstanceRecord
from sync_sessions.snapshot import SyncSessionSerializer, for_reader

__all__ = ["SyncInstanceRecordSerializer", "SyncSessionSerializer"]


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
        return for_reader(self, super().to_representation(record), record.session)

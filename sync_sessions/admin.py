from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from .models import SyncInstanceRecord, SyncSession


class ReadOnly:
    """A log: nobody adds to it, changes it or deletes from it here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SyncSession)
class SyncSessionAdmin(ReadOnly, admin.ModelAdmin):
    list_display = [
        "session_id",
        "sync_category",
        "sync_type",
        "scope",
        "status",
        "total_instances",
        "successful_instances",
        "skipped_instances",
        "failed_instances",
        "created_by",
        "started_at",
        "completed_at",
    ]
    list_filter = ["status", "sync_category", "sync_type", "scope"]
    list_select_related = ["created_by"]
    search_fields = ["session_id"]


@admin.register(SyncInstanceRecord)
class SyncInstanceRecordAdmin(ReadOnly, admin.ModelAdmin):
    list_display = [
        "instance_name",
        "session",
        "status",
        "items_synced",
        "items_created",
        "items_updated",
        "error_message",
        "completed_at",
    ]
    list_filter = ["status", "sync_category"]
    list_select_related = ["session"]
    search_fields = ["instance_name", "=session__session_id"]

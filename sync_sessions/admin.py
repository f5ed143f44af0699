from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin

from .errors import SessionFinished
from .models import SyncInstanceRecord, SyncSession
from .services import sync_session_service


class ReadOnly:
    """A log: nobody adds to it, changes it or deletes from it here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SyncSession)
class SyncSessionAdmin(ReadOnly, ModelAdmin):
    actions = ["cancel"]
    list_display = ["started", "what", "status", "done", "duration", "sync_type", "created_by"]
    list_filter = ["status", "sync_category", "sync_type", "scope"]
    list_select_related = ["created_by"]
    search_fields = ["session_id"]
    fields = [
        "session_id",
        "what",
        "scope",
        "sync_type",
        "created_by",
        "status",
        "error_message",
        "done",
        "records_link",
        "created_at",
        "started_at",
        "heartbeat_at",
        "completed_at",
        "duration",
        "task_id",
    ]
    readonly_fields = ["started", "what", "done", "duration", "records_link"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncSession]:
        # Nobody looks at a dead session that still says running.
        sync_session_service.fail_stale_sessions()
        return super().get_queryset(request)

    @admin.display(description=gettext_lazy("started at"), ordering="created_at")
    def started(self, session: SyncSession) -> Any:
        return session.started_at or session.created_at

    @admin.display(description=gettext_lazy("run"))
    def what(self, session: SyncSession) -> str:
        """The kind of run and its period, as its starter described them."""
        details = session.details
        days = dict.fromkeys(filter(None, (details.get("period_start"), details.get("period_end"))))
        words = [session.get_sync_category_display(), details.get("period_type", ""), " – ".join(days)]
        return " ".join(filter(None, words))

    @admin.display(description=gettext_lazy("done / skipped / failed / all"))
    def done(self, session: SyncSession) -> str:
        counts = (session.successful_instances, session.skipped_instances, session.failed_instances)
        return " / ".join(map(str, (*counts, session.total_instances)))

    @admin.display(description=gettext_lazy("duration"))
    def duration(self, session: SyncSession) -> str:
        if not session.started_at or not session.completed_at:
            return "–"
        return _("%(seconds).1f s") % {"seconds": (session.completed_at - session.started_at).total_seconds()}

    @admin.display(description=gettext_lazy("instance records"))
    def records_link(self, session: SyncSession) -> str:
        url = reverse("admin:sync_sessions_syncinstancerecord_changelist")
        return format_html(
            '<a href="{}?session__id__exact={}">{}</a>', url, session.pk, _("Show what each instance did")
        )

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sync_sessions.cancel_syncsession")

    @admin.action(description=gettext_lazy("Cancel"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[SyncSession]) -> None:
        """Ends open sessions; what they have done stays, and their runs stop at the next chunk."""
        cancelled = 0
        for session in queryset:
            try:
                sync_session_service.cancel_session(session)
            except SessionFinished as finished:
                self.message_user(request, str(finished), messages.WARNING)
            else:
                cancelled += 1
                self.log_change(request, session, "Cancelled.")
        if cancelled:
            text = ngettext("%(count)d session cancelled.", "%(count)d sessions cancelled.", cancelled)
            self.message_user(request, text % {"count": cancelled}, messages.SUCCESS)


@admin.register(SyncInstanceRecord)
class SyncInstanceRecordAdmin(ReadOnly, ModelAdmin):
    list_display = ["instance_name", "status", "error_message", "items_synced", "completed_at"]
    list_filter = ["status", "sync_category"]
    list_select_related = ["session"]
    search_fields = ["instance_name", "=session__session_id"]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup == "session__id__exact" or super().lookup_allowed(lookup, value, request)

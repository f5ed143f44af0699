from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from sync_sessions.common.admin.base import ModelAdmin
from sync_sessions.common.admin.filters import StartedFilter, TagFilter
from sync_sessions.common.admin.read_only import ReadOnly
from sync_sessions.common.history import has_history
from sync_sessions.common.statuses import VARIANTS
from sync_sessions.common.words import listed
from sync_sessions.errors import SessionFinished
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import sync_session_service

from . import cells, page
from .batches import PARAMETER, BatchFilter, SessionChangeList
from .buttons import SessionButtons
from .records import table

STOP_POLLING = 286  #: htmx's own: it shows the answer and asks no more


@admin.register(SyncSession)
class SyncSessionAdmin(SessionButtons, ReadOnly, ModelAdmin):
    actions = ["cancel"]
    list_display = ["started", "state", "progress", "run", "levels", "kind", "created_by", "duration"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("sync_category", ChoicesDropdownFilter),
        ("sync_type", ChoicesDropdownFilter),
        ("scope", ChoicesDropdownFilter),
        ("created_at", StartedFilter),
        BatchFilter,
        TagFilter,
    ]
    list_filter_submit = True
    list_per_page = 50
    list_select_related = ["created_by"]
    search_fields = ["session_id", "created_by__username"]
    search_help_text = gettext_lazy("Session id, or user name")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[SessionChangeList]:
        return SessionChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncSession]:
        # Nobody looks at a dead session that still says running.
        sync_session_service.fail_stale_sessions()
        return super().get_queryset(request).select_related("created_by")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> SyncSession | None:
        """By its key, or by its session id as the API and the logs have it."""
        try:
            return self.get_queryset(request).filter(session_id=UUID(object_id)).first()
        except ValueError:
            return super().get_object(request, object_id, from_field)

    def get_urls(self) -> list[Any]:
        def named(name: str, view: Any) -> Any:
            return path(f"<path:object_id>/{name}/", view, name=f"sync_sessions_syncsession_{name}")

        wrap = self.admin_site.admin_view
        return [
            named("live", never_cache(self.live)),
            named("records", wrap(self.records)),
            named("cancel", wrap(self.ask_to_cancel)),
            named("retry", wrap(self.ask_to_retry)),
            *super().get_urls(),
        ]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        if session := kwargs.get("obj"):
            context.update(page.live(session, request), **page.about(session))
            context["show_history"] = has_history(session)
            if self.shows_records(request):
                context["table"] = table(session, request)
        return super().render_change_form(request, context, *args, **kwargs)

    def live(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page that moves. `?seen=` is how many records had ended when the page last looked."""
        if not self.admin_site.has_permission(request):
            # Logged out meanwhile: the whole page goes to the login, not this part of it.
            return HttpResponse(headers={"HX-Redirect": self.page_url(object_id)})
        session = self.found(request, object_id)
        context = page.live(session, request)
        moved = request.GET.get("seen") != str(context["progress"].ended) or not context["open"]
        answer = TemplateResponse(
            request,
            "admin/sync_sessions/syncsession/live.html",
            {**context, "moved": moved},
            status=200 if context["open"] else STOP_POLLING,
        )
        if moved:
            answer["HX-Trigger"] = "records-moved"
        return answer

    def records(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The table of records alone."""
        session = self.found(request, object_id)
        if not self.shows_records(request):
            raise Http404
        context = {"session": session, "table": table(session, request)}
        return TemplateResponse(request, "admin/sync_sessions/syncsession/records.html", context)

    def shows_records(self, request: HttpRequest) -> bool:
        return self.admin_site.get_model_admin(SyncInstanceRecord).has_view_permission(request)

    def page_url(self, object_id: Any) -> str:
        return reverse("admin:sync_sessions_syncsession_change", args=[object_id])

    @admin.action(description=gettext_lazy("Cancel"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[SyncSession]) -> HttpResponse | None:
        """Ends open sessions, once asked; what they have done stays, and their runs stop at the next chunk."""
        if "confirmed" not in request.POST:
            return self.ask_to_cancel_all(request, queryset)
        cancelled = 0
        for session in queryset:
            try:
                sync_session_service.cancel_session(session, by=request.user)
            except SessionFinished as finished:
                self.message_user(request, str(finished), messages.WARNING)
            else:
                cancelled += 1
        if cancelled:
            text = ngettext("%(count)d session cancelled.", "%(count)d sessions cancelled.", cancelled)
            self.message_user(request, text % {"count": cancelled}, messages.SUCCESS)
        return None

    @display(description=gettext_lazy("started at"), ordering="id")
    def started(self, session: SyncSession) -> Any:
        return session.started_at or session.created_at

    @display(description=gettext_lazy("status"), ordering="status", label=VARIANTS)
    def state(self, session: SyncSession) -> tuple[str, str]:
        return session.status, session.get_status_display()

    @display(description=gettext_lazy("progress"))
    def progress(self, session: SyncSession) -> SafeString:
        return render_to_string(
            "admin/sync_sessions/syncsession/bar.html", {"progress": cells.Progress.of(session), "small": True}
        )

    @display(description=gettext_lazy("run"), ordering="sync_category")
    def run(self, session: SyncSession) -> SafeString:
        """The kind of run and its period, on two lines."""
        what, days = cells.subject(session)
        kind = f"{session.get_sync_category_display()} {what}"
        return format_html(
            '<span class="inline-flex flex-col"><span>{}</span>{}{}</span>', kind, days, self._others(session)
        )

    def _others(self, session: Any) -> SafeString:
        """A link to those that were started with it, as "and 20 more, 2 failed"."""
        more, failed = getattr(session, "batch", (0, 0))
        if not more:
            return SafeString()
        text = ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more}
        bad = ngettext("%(count)d failed", "%(count)d failed", failed) % {"count": failed} if failed else ""
        url = f"{reverse('admin:sync_sessions_syncsession_changelist')}?{PARAMETER}={quote(session.task_id)}"
        return format_html('<a class="text-link text-xs" href="{}">{}</a>', url, listed(filter(None, [text, bad])))

    @display(description=gettext_lazy("kind"), ordering="sync_type")
    def kind(self, session: SyncSession) -> str:
        return cells.kind_text(session)

    @display(description=gettext_lazy("scope"), ordering="scope", empty_value="–")
    def levels(self, session: SyncSession) -> str:
        return cells.scope_text(session)

    @display(description=gettext_lazy("duration"))
    def duration(self, session: SyncSession) -> str:
        return cells.lasted(session)

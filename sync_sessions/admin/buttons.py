"""What can be done to a session from its page. Each asks first, and works without JavaScript."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from sync_sessions.choices import OPEN_SESSION
from sync_sessions.common.broker import has_broker
from sync_sessions.common.history import log_change
from sync_sessions.errors import SessionError, SessionFinished, session_id_of
from sync_sessions.kinds import start_permission
from sync_sessions.life import why_queued_runs_wait
from sync_sessions.models import SyncSession
from sync_sessions.retries import check_retry, retry_session
from sync_sessions.services import sync_session_service

from . import cells, page

SHOWN = 20  #: of the sessions that a question is about


class SessionButtons(ModelAdmin):
    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(page.CANCEL)

    def found(self, request: HttpRequest, object_id: str) -> SyncSession:
        """The session of an address; 404 for one that is not there, or that the user may not see."""
        session: SyncSession | None = self.get_object(request, unquote(object_id))
        if session is None or not self.has_view_permission(request, session):
            raise Http404
        return session

    def ask_to_cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        session = self.found(request, object_id)
        if not request.user.has_perm(page.CANCEL):
            return self._ask(request, session, refusal=_("You may not cancel sessions: ask for that permission."))
        # An end is final: what has one is refused below, however it is asked.
        if request.method != "POST" and session.status in OPEN_SESSION:
            text = _("Cancel this session? What is done stays; the run stops at its next chunk.")
            return self._ask(request, session, text, _("Cancel the session"))
        try:
            sync_session_service.cancel_session(session, by=request.user)
        except SessionFinished as finished:
            self.message_user(request, str(finished), messages.WARNING)
        else:
            self.message_user(request, _("The session is cancelled."), messages.SUCCESS)
        return redirect(page.session_url(session))

    def ask_to_cancel_all(self, request: HttpRequest, chosen: QuerySet[SyncSession]) -> HttpResponse:
        """A page that asks; its form posts the same action of the list again, with the answer."""
        count = chosen.count()
        text = ngettext(
            "Cancel %(count)d session? What is done stays; the run stops at its next chunk.",
            "Cancel %(count)d sessions? What is done stays; the runs stop at their next chunk.",
            count,
        )
        shown = chosen[:SHOWN]
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": text % {"count": count},
            "lines": [f"{page.run_name(one)}: {one.get_status_display()}" for one in shown],
            "left": max(count - SHOWN, 0),
            "action": request.POST["action"],
            "select_across": request.POST.get("select_across", "0"),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/sync_sessions/syncsession/ask_all.html", context)

    def ask_to_retry(self, request: HttpRequest, object_id: str) -> HttpResponse:
        session = self.found(request, object_id)
        if not request.user.has_perm(start_permission()):
            return self._ask(request, session, refusal=_("You may not start runs: ask for that permission."))
        try:
            check_retry(session)
        except SessionError as refused:
            self.message_user(request, str(refused), messages.WARNING)
            return redirect(page.session_url(session))
        if request.method != "POST":
            text = _("Run the failed and cancelled instances of this session again, in a new session?")
            return self._ask(request, session, text, _("Run again"), waits=why_queued_runs_wait())
        return redirect(page.session_url(self._retry(request, session)))

    def _retry(self, request: HttpRequest, session: SyncSession) -> SyncSession:
        """Runs it again and says so; gives the session to look at: the new one, the one in the way, or the old one."""
        queue = has_broker()
        try:
            new = retry_session(session, created_by=request.user, queue=queue)
        except SessionError as refused:
            self.message_user(request, self._linked(str(refused), refused.session, session), messages.WARNING)
            return session
        except Exception as error:
            return self._tell_of(request, session, error)
        if queue:
            self.message_user(request, page.QUEUED, messages.INFO)
        else:
            self.message_user(request, _("This is the new run."), messages.SUCCESS)
        return new

    def _tell_of(self, request: HttpRequest, session: SyncSession, error: Exception) -> SyncSession:
        """A run that raised has its session, with the reason on it; a refusal has a code and a sentence."""
        new_id = session_id_of(error)
        new = SyncSession.objects.filter(session_id=new_id).first() if new_id else None
        if new:
            log_change(request.user, session, f"Run again in session {new.session_id}.")
            self.message_user(request, _("The new run failed as a whole: see its reason below."), messages.ERROR)
            return new
        if not isinstance(getattr(error, "code", None), str):
            raise error
        self.message_user(request, str(error), messages.ERROR)
        return session

    def _linked(self, text: str, other: SyncSession | None, session: SyncSession) -> str:
        if other is None or other.pk == session.pk:
            return text
        url = page.session_url(other)
        return format_html('{} <a class="underline" href="{}">{}</a>', text, url, _("Show the session"))

    def _ask(
        self,
        request: HttpRequest,
        session: SyncSession,
        question: str = "",
        button: str = "",
        refusal: str = "",
        waits: str = "",
    ) -> HttpResponse:
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": page.run_name(session),
            "session": session,
            "progress": cells.Progress.of(session),
            "badge": cells.badge(session),
            "question": question,
            "button": button,
            "refusal": refusal,
            "waits": waits,
            "back": page.session_url(session),
        }
        template = "admin/sync_sessions/syncsession/ask.html"
        return TemplateResponse(request, template, context, status=403 if refusal else 200)

"""Starting runs from the admin: queued where there is a broker, else in the request; it lands on the session."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from capacity.aggregation.current import CurrentAggregationRequest
from capacity.errors import AggregationDisabled, QueueUnavailable
from capacity.inventory.selection import Selection
from capacity.models import Instance
from capacity.runs.faults import describe
from capacity.runs.kinds import COLLECTION
from capacity.runs.spec import RunSpec
from capacity.runs.start import start
from sync_sessions.admin.page import QUEUED
from sync_sessions.choices import SessionStatus, SyncCategory
from sync_sessions.common.broker import has_broker
from sync_sessions.common.history import log_change
from sync_sessions.errors import SessionAlreadyRunning, session_id_of
from sync_sessions.models import SyncSession


def aggregate(request: HttpRequest, instances: list[Instance] | None, scope: str) -> RunSpec:
    """The current period of these instances; None: of all active ones. ScopeError."""
    return CurrentAggregationRequest(scope=scope, created_by=request.user, instances=instances).spec()


def collect(request: HttpRequest, instances: list[Instance] | None) -> RunSpec:
    """From these instances; None: from all active ones that have a host."""
    return RunSpec(COLLECTION, Selection.of(instances), created_by=request.user)


def land(
    model_admin: ModelAdmin, request: HttpRequest, spec: Callable[[], RunSpec], entry: str
) -> HttpResponse | None:
    """`begin`, then to the session; None when there is none to go to."""
    session = begin(model_admin, request, spec, entry)
    return redirect(session_url(session)) if session and may_see_sessions(request) else None


def begin(
    model_admin: ModelAdmin, request: HttpRequest, spec: Callable[[], RunSpec], entry: str, *, among: str = ""
) -> SyncSession | None:
    """Starts a run, with a message of what became of it; gives its session, None when there is none.

    `entry` is what the session's history says of it, in English as stored texts are. One entry, however many
    instances: what became of each stands in the session's records. `among`: what it is called among several, after
    which the caller goes elsewhere.
    """
    level = messages.ERROR
    try:
        started = start(spec(), queue=has_broker())
    except AggregationDisabled as off:
        model_admin.message_user(request, str(off), messages.WARNING)
        return None
    except SessionAlreadyRunning as busy:
        model_admin.message_user(request, _linked(request, str(busy), busy.session), messages.WARNING)
        return None
    except Exception as error:
        # The run's owner has put it on the session, if there is one; here it becomes a message. A queue that is down
        # says what to do in its own words: the reason that is stored is for a line of the log.
        text = str(error) if isinstance(error, QueueUnavailable) else describe(error)
        pinned = session_id_of(error)
        session = SyncSession.objects.filter(session_id=pinned).first() if pinned else None
    else:
        session, ended = started.session, started.outcome
        if ended is None:
            level, text = messages.INFO, _queued_text(session, among)
        else:
            level = messages.ERROR if ended.status == SessionStatus.FAILED else messages.SUCCESS
            text = " ".join([*([f"{among}."] if among else []), ended.message, *list(ended.errors)[:5]])
    waits_there = level == messages.INFO and may_see_sessions(request) and not among
    model_admin.message_user(request, str(QUEUED) if waits_there else _linked(request, text, session), level)
    if session:
        log_change(request.user, session, entry)
    return session


def _queued_text(session: SyncSession, among: str) -> str:
    if among:
        return _("Queued: %(period)s.") % {"period": among}
    return {
        SyncCategory.CAPACITY: _("The collection is queued."),
        SyncCategory.INSIGHT: _("The forecasts are queued."),
        SyncCategory.TABLES: _("The measuring of tables is queued."),
    }.get(SyncCategory(session.sync_category), _("The aggregation is queued."))


def session_url(session: SyncSession) -> str:
    return reverse("admin:sync_sessions_syncsession_change", args=[session.pk])


def may_see_sessions(request: HttpRequest) -> bool:
    names = ("sync_sessions.view_syncsession", "sync_sessions.change_syncsession")
    return any(request.user.has_perm(name) for name in names)


def _linked(request: HttpRequest, text: str, session: SyncSession | None) -> str:
    if session is None or not may_see_sessions(request):
        return text
    return format_html('{} <a class="underline" href="{}">{}</a>', text, session_url(session), _("Show the session"))

"""Starting runs from the admin: queued where there is a broker, else in the request; it lands on the session."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.collection.service import CollectionService
from capacity.errors import AggregationDisabled, QueueUnavailable
from capacity.models import Instance
from capacity.runs import queueing
from capacity.runs.faults import describe
from capacity.runs.start import check_enabled
from sync_sessions.admin.page import QUEUED
from sync_sessions.choices import SessionStatus, SyncType
from sync_sessions.common.history import log_change
from sync_sessions.common.words import told
from sync_sessions.errors import SessionAlreadyRunning
from sync_sessions.models import SyncSession


@dataclass(frozen=True)
class Started:
    session_id: Any
    failed: bool
    text: str
    queued: bool = False


def aggregate(request: HttpRequest, instances: list[Instance] | None, scope: str) -> Started:
    """The current period of these instances; None: of all active ones."""
    check_enabled()
    asked = CurrentAggregationRequest(scope=scope, created_by=request.user, instances=instances)
    service = CurrentAggregationService()
    if queueing.broker_configured():
        session = service.queue(asked, queueing.send_aggregation)
        return Started(session.session_id, False, _("The aggregation is queued."), queued=True)
    result = service.aggregate_current(asked)
    text = " ".join([result["message"], *result["errors"][:5]])
    return Started(result["session"]["session_id"], result["status"] == "failed", text)


def collect(request: HttpRequest, instances: list[Instance] | None) -> Started:
    """From these instances; None: from all active ones that have a host."""
    asked: dict[str, Any] = {"sync_type": SyncType.by_hand(instances), "created_by": request.user}
    service = CollectionService()
    if queueing.broker_configured():
        session = service.start(queueing.send_collection, instances, **asked)
        return Started(session.session_id, False, _("The collection is queued."), queued=True)
    result = service.collect(instances, **asked)
    reasons = [told(one.instance_name, one.reason) for one in result.outcomes if one.reason]
    text = " ".join([result.message, *reasons[:5]])
    return Started(result.session.session_id, result.status == SessionStatus.FAILED, text)


def land(
    model_admin: ModelAdmin, request: HttpRequest, start: Callable[[], Started], entry: str
) -> HttpResponse | None:
    """`begin`, then to the session; None when there is none to go to."""
    session = begin(model_admin, request, start, entry)
    return redirect(session_url(session)) if session and may_see_sessions(request) else None


def begin(
    model_admin: ModelAdmin, request: HttpRequest, start: Callable[[], Started], entry: str, among_others: bool = False
) -> SyncSession | None:
    """Starts a run, with a message of what became of it; gives its session, None when there is none.

    `entry` is what the session's history says of it, in English as stored texts are. One entry, however many
    instances: what became of each stands in the session's records. `among_others`: the caller goes elsewhere.
    """
    try:
        started = start()
    except AggregationDisabled as off:
        model_admin.message_user(request, str(off), messages.WARNING)
        return None
    except SessionAlreadyRunning as busy:
        model_admin.message_user(request, _linked(request, str(busy), busy.session), messages.WARNING)
        return None
    except QueueUnavailable as down:
        # Its sentence says what to do; the reason that is stored is for a line of the log.
        started = Started(getattr(down, "sync_session_id", None), True, str(down))
    except Exception as error:
        # The run's owner has put it on the session, if there is one; here it becomes a message.
        started = Started(getattr(error, "sync_session_id", None), True, describe(error))
    session = SyncSession.objects.filter(session_id=started.session_id).first() if started.session_id else None
    waits_there = started.queued and session is not None and may_see_sessions(request) and not among_others
    text = str(QUEUED) if waits_there else _linked(request, started.text, session)
    level = messages.ERROR if started.failed else messages.INFO if started.queued else messages.SUCCESS
    model_admin.message_user(request, text, level)
    if session:
        log_change(request.user, session, entry)
    return session


def session_url(session: SyncSession) -> str:
    return reverse("admin:sync_sessions_syncsession_change", args=[session.pk])


def may_see_sessions(request: HttpRequest) -> bool:
    names = ("sync_sessions.view_syncsession", "sync_sessions.change_syncsession")
    return any(request.user.has_perm(name) for name in names)


def _linked(request: HttpRequest, text: str, session: SyncSession | None) -> str:
    if session is None or not may_see_sessions(request):
        return text
    return format_html('{} <a class="underline" href="{}">{}</a>', text, session_url(session), _("Show the session"))

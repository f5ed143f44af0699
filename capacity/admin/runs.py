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

from capacity import queueing
from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.aggregation.faults import describe
from capacity.aggregation.switch import check_enabled
from capacity.collection.service import CollectionService
from capacity.errors import AggregationDisabled
from capacity.models import Instance
from sync_sessions.choices import SessionStatus, SyncType
from sync_sessions.errors import SessionAlreadyRunning
from sync_sessions.history import log_change
from sync_sessions.models import SyncSession


@dataclass(frozen=True)
class Started:
    session_id: Any
    failed: bool
    text: str


def aggregate(request: HttpRequest, instances: list[Instance] | None, scope: str) -> Started:
    """The current period of these instances; None: of all active ones."""
    check_enabled()
    asked = CurrentAggregationRequest(scope=scope, created_by=request.user, instances=instances)
    service = CurrentAggregationService()
    if queueing.broker_configured():
        session = service.queue(asked, queueing.send_aggregation)
        return Started(session.session_id, False, _("The aggregation is queued."))
    result = service.aggregate_current(asked)
    text = " ".join([result["message"], *result["errors"][:5]])
    return Started(result["session"]["session_id"], result["status"] == "failed", text)


def collect(request: HttpRequest, instances: list[Instance] | None) -> Started:
    """From these instances; None: from all active ones that have a host."""
    asked: dict[str, Any] = {"sync_type": SyncType.by_hand(instances), "created_by": request.user}
    service = CollectionService()
    if queueing.broker_configured():
        session = service.start(queueing.send_collection, instances, **asked)
        return Started(session.session_id, False, _("The collection is queued."))
    result = service.collect(instances, **asked)
    reasons = [f"{one.instance_name}: {one.reason}" for one in result.outcomes if one.reason]
    text = " ".join([result.message, *reasons[:5]])
    return Started(result.session.session_id, result.status == SessionStatus.FAILED, text)


def land(
    model_admin: ModelAdmin, request: HttpRequest, start: Callable[[], Started], entry: str
) -> HttpResponse | None:
    """Starts a run and goes to its session; None, with a message, when there is none to go to.

    `entry` is what the session's history says of it, in English as stored texts are. One entry, however many
    instances: what became of each stands in the session's records.
    """
    try:
        started = start()
    except AggregationDisabled as off:
        model_admin.message_user(request, str(off), messages.WARNING)
        return None
    except SessionAlreadyRunning as busy:
        model_admin.message_user(request, _linked(request, str(busy), busy.session), messages.WARNING)
        return None
    except Exception as error:
        # The run's owner has put it on the session, if there is one; here it becomes a message.
        started = Started(getattr(error, "sync_session_id", None), True, describe(error))
    session = SyncSession.objects.filter(session_id=started.session_id).first() if started.session_id else None
    level = messages.ERROR if started.failed else messages.SUCCESS
    model_admin.message_user(request, _linked(request, started.text, session), level)
    if session is None:
        return None
    log_change(request.user, session, entry)
    return redirect(session_url(session)) if may_see_sessions(request) else None


def session_url(session: SyncSession) -> str:
    return reverse("admin:sync_sessions_syncsession_change", args=[session.pk])


def may_see_sessions(request: HttpRequest) -> bool:
    names = ("sync_sessions.view_syncsession", "sync_sessions.change_syncsession")
    return any(request.user.has_perm(name) for name in names)


def _linked(request: HttpRequest, text: str, session: SyncSession | None) -> str:
    if session is None or not may_see_sessions(request):
        return text
    return format_html('{} <a class="underline" href="{}">{}</a>', text, session_url(session), _("Show the session"))

"""Running a schedule now: asked first, then a session for a collection or for each period type."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from capacity.admin import runs
from capacity.aggregation.due import Which, plan_periods
from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.errors import AggregationDisabled
from capacity.models import Schedule
from capacity.periods import Period, parse_periods, today
from capacity.runs import queueing
from capacity.runs.start import check_enabled
from capacity.scheduling.job import Job, What
from capacity.scheduling.reading import read
from capacity.scheduling.words import period_words, what_words
from sync_sessions.choices import Scope, SyncType
from sync_sessions.common.history import log_change
from sync_sessions.common.words import noted

ENTRY = "Run now."


def run_now(model_admin: ModelAdmin, request: HttpRequest, schedule: Schedule) -> HttpResponse:
    """GET asks, POST runs: the last complete period of each of its types over the whole fleet, or a collection.

    It lands on the session, on the list of sessions when there are several, and with a message on the schedule
    when there is none to go to.
    """
    what = read(schedule).what
    assert what and what.can_run_now  # the action's permission is about that
    back = redirect("admin:capacity_schedule_change", schedule.pk)
    try:
        if what.job == Job.AGGREGATE:
            check_enabled()
    except AggregationDisabled as off:
        model_admin.message_user(request, str(off), messages.WARNING)
        return back
    periods = _periods(what)
    if request.method != "POST":
        return _confirm(model_admin, request, schedule, what, periods)
    starts, entry = _starts(request, what), f"{ENTRY} {schedule.name}"
    several = len(starts) > 1
    begun = [runs.begin(model_admin, request, start, entry, among_others=several) for start in starts]
    sessions = [session for session in begun if session]
    if sessions:
        log_change(request.user, schedule, ENTRY)
    if not sessions or not runs.may_see_sessions(request):
        return back
    return redirect("admin:sync_sessions_syncsession_changelist" if several else runs.session_url(sessions[0]))


def _periods(what: What) -> list[Period]:
    if what.job == Job.COLLECT:
        return []
    return plan_periods(parse_periods(what.periods), Which.LAST, today())


def _starts(request: HttpRequest, what: What) -> list[Callable[[], runs.Started]]:
    if what.job == Job.COLLECT:
        return [partial(runs.collect, request, None)]
    return [partial(_aggregate, request, period, what.scope) for period in _periods(what)]


def _aggregate(request: HttpRequest, period: Period, scope: str) -> runs.Started:
    orchestrator = AggregationOrchestrator()
    asked: dict[str, Any] = {"sync_type": SyncType.MANUAL_TASK, "created_by": request.user}
    if queueing.broker_configured():
        session = orchestrator.queue(period, scope, dispatch=queueing.send_aggregation, **asked)
        return runs.Started(
            session.session_id, False, _("Queued: %(period)s.") % {"period": period_words(period)}, queued=True
        )
    result = orchestrator.run(period, scope, **asked)
    text = " ".join([f"{period_words(period)}.", str(result.summary.message), *result.summary.errors[:5]])
    return runs.Started(result.session.session_id, result.summary.status == "failed", text)


def _confirm(
    model_admin: ModelAdmin, request: HttpRequest, schedule: Schedule, what: What, periods: list[Period]
) -> TemplateResponse:
    queued = _("A worker does it; you see it at work.")
    at_once = _("It is done before the next page comes; with a large fleet that takes a while.")
    scope = Scope(what.scope).label
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Run it now?"),
        "schedule": schedule.name,
        "lines": [noted(period_words(period), scope) for period in periods] or [what_words(what)],
        "how": queued if queueing.broker_configured() else at_once,
        "back": reverse("admin:capacity_schedule_change", args=[schedule.pk]),
    }
    return TemplateResponse(request, "capacity/schedule/run_now.html", context)

"""Running a schedule now: asked first, then a session for a collection or for each period type."""

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from capacity.admin import runs
from capacity.aggregation.arguments import Which, plan_periods
from capacity.errors import AggregationDisabled
from capacity.models import Schedule
from capacity.periods import Period, parse_periods, today
from capacity.runs.kinds import COLLECTION
from capacity.runs.spec import RunSpec
from capacity.runs.switch import check_enabled
from capacity.scheduling.job import Job, What
from capacity.scheduling.reading import read
from capacity.scheduling.words import period_words, what_words
from sync_sessions.choices import Scope
from sync_sessions.common.broker import has_broker
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
    specs, entry = _specs(request, what), f"{ENTRY} {schedule.name}"
    several = len(specs) > 1
    begun = [runs.begin(model_admin, request, spec, entry, among=name if several else "") for spec, name in specs]
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


def _specs(request: HttpRequest, what: What) -> list[tuple[Callable[[], RunSpec], str]]:
    """The runs, each with what it is called among several."""
    if what.job == Job.COLLECT:
        return [(partial(RunSpec, COLLECTION, created_by=request.user), what_words(what))]
    return [
        (partial(RunSpec.of_period, period, what.scope, created_by=request.user), period_words(period))
        for period in _periods(what)
    ]


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
        "how": queued if has_broker() else at_once,
        "back": reverse("admin:capacity_schedule_change", args=[schedule.pk]),
    }
    return TemplateResponse(request, "capacity/schedule/run_now.html", context)

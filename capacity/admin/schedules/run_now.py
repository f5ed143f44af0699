"""Running a schedule now: asked first, then a session for a collection or for each period type."""

from collections.abc import Callable, Collection, Iterable
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from capacity.admin import runs
from capacity.aggregation.arguments import Which, plan_periods
from capacity.aggregation.due import periods_to_run, stale_instances, stale_periods
from capacity.aggregation.service import AggregationService
from capacity.aggregation.task_runner import AggregationTaskRunner, by_hand
from capacity.collection import tables_due
from capacity.errors import AggregationDisabled, QueueUnavailable
from capacity.insight.service import spec_of_due
from capacity.inventory.selection import Selection, UnknownTag
from capacity.models import Schedule
from capacity.periods import PERIOD_CONFIG, PERIODS, Period, parse_periods, today
from capacity.runs import queueing
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
from sync_sessions.life import why_queued_runs_wait

ENTRY = "Run now."
SHOWN = 10  #: of the periods that a question is about


def run_now(model_admin: ModelAdmin, request: HttpRequest, schedule: Schedule) -> HttpResponse:
    """GET asks, POST runs what the schedule does: a collection, or every complete period of its types that is due.

    It lands on the session, on the list of sessions when there are several, and with a message on the schedule
    when there is none to go to.
    """
    what = read(schedule).what
    assert what and what.can_run_now  # the action's permission is about that
    back = redirect("admin:capacity_schedule_change", schedule.pk)
    try:
        if what.job == Job.AGGREGATE:
            check_enabled()
        Selection.tagged(what.tags).check_tags()
    except (AggregationDisabled, UnknownTag) as reason:
        model_admin.message_user(request, str(reason), messages.WARNING)
        return back
    periods = _periods(what)
    if request.method != "POST":
        return _confirm(model_admin, request, schedule, what, periods)
    if len(periods) > len(what.periods):
        # Several of a type: one after another, as a schedule does them.
        if not catch_up(model_admin, request, what.periods, tags=what.tags):
            return back
        log_change(request.user, schedule, ENTRY)
        return redirect("admin:sync_sessions_syncsession_changelist") if runs.may_see_sessions(request) else back
    specs, entry = _specs(request, what, periods), f"{ENTRY} {schedule.name}"
    several = len(specs) > 1
    begun = [runs.begin(model_admin, request, spec, entry, among=name if several else "") for spec, name in specs]
    sessions = [session for session in begun if session]
    if sessions:
        log_change(request.user, schedule, ENTRY)
    if not sessions or not runs.may_see_sessions(request):
        return back
    return redirect("admin:sync_sessions_syncsession_changelist" if several else runs.session_url(sessions[0]))


def _periods(what: What) -> list[Period]:
    """What the schedule would compute now; when everything is computed, the last complete ones again."""
    if what.job != Job.AGGREGATE:
        return []
    configs, now = parse_periods(what.periods), today()
    stale = stale_periods(configs, now, tags=what.tags) if what.scope == Scope.ALL else []
    return periods_to_run(configs, stale, what.scope, now) or plan_periods(configs, Which.LAST, now)


def _specs(request: HttpRequest, what: What, periods: list[Period]) -> list[tuple[Callable[[], RunSpec], str]]:
    """The runs, each with what it is called among several."""
    if what.job == Job.COLLECT:
        return [(partial(RunSpec, COLLECTION, Selection.tagged(what.tags), created_by=request.user), what_words(what))]
    if what.job == Job.INSIGHT:
        return [(partial(spec_of_due, what.tags, created_by=request.user), what_words(what))]
    if what.job == Job.TABLES:
        return [(partial(tables_due.spec_of_due, what.tags, created_by=request.user), what_words(what))]
    return [
        (
            partial(
                RunSpec.of_period, period, what.scope, _marked(period, what), created_by=request.user, for_fleet=True
            ),
            period_words(period),
        )
        for period in periods
    ]


def _marked(period: Period, what: What) -> Selection:
    marked = stale_instances(period, what.tags) if what.scope == Scope.ALL else []
    return Selection.of(marked or None, what.tags)


def _lines(periods: list[Period], scope: str) -> list[str]:
    lines = [noted(period_words(period), scope) if scope else period_words(period) for period in periods[:SHOWN]]
    more = len(periods) - SHOWN
    return (
        [*lines, ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more}] if more > 0 else lines
    )


def ask_to_catch_up(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """For periods that are too old for the schedules: GET asks, POST computes all that wait, the oldest first."""
    back, periods = redirect("admin:index"), stale_periods(PERIOD_CONFIG, today())
    try:
        check_enabled()
    except AggregationDisabled as off:
        model_admin.message_user(request, str(off), messages.WARNING)
        return back
    if not periods:
        model_admin.message_user(request, _("Every complete period is computed already."), messages.INFO)
        return back
    if request.method != "POST":
        return _ask(
            model_admin, request, _("Compute all periods that wait?"), "", _lines(periods, ""), reverse("admin:index")
        )
    done = catch_up(model_admin, request, PERIODS, everything=True)
    return redirect("admin:sync_sessions_syncsession_changelist") if done and runs.may_see_sessions(request) else back


def catch_up(
    model_admin: ModelAdmin,
    request: HttpRequest,
    types: Iterable[str],
    everything: bool = False,
    tags: Collection[str] = (),
) -> bool:
    """Computes what is due of these types (and of instances with one of the tags), one session after another, or has
    a worker do it; says what became of it.

    False when nothing was started.
    """
    user = int(request.user.pk or 0)
    if has_broker():
        try:
            queueing.send_due(list(types), user, everything, tags)
        except QueueUnavailable as down:
            model_admin.message_user(request, str(down), messages.ERROR)
            return False
        text = _("Queued. Each period has its session here as soon as it begins, the oldest first.")
        model_admin.message_user(request, text, messages.INFO)
        return True
    runner = AggregationTaskRunner(AggregationService())
    result = runner.run_periods(types, everything=everything, tags=tags, **by_hand(user))
    bad = [one for one in result["periods"] if one["status"] not in ("completed", "skipped")]
    done = len(result["periods"]) - len(bad)
    text = ngettext("%(count)d period computed.", "%(count)d periods computed.", done) % {"count": done}
    reasons = [str(one["message"]) for one in bad[:SHOWN]] or ([] if result["periods"] else [result["message"]])
    level = messages.ERROR if bad else messages.SUCCESS
    model_admin.message_user(request, " ".join([text, *reasons]), level)
    return bool(result["periods"])


def _confirm(
    model_admin: ModelAdmin, request: HttpRequest, schedule: Schedule, what: What, periods: list[Period]
) -> TemplateResponse:
    scope, back = str(Scope(what.scope).label), reverse("admin:capacity_schedule_change", args=[schedule.pk])
    lines = _lines(periods, scope) or [what_words(what)]
    return _ask(model_admin, request, _("Run it now?"), str(schedule), lines, back)


def _ask(
    model_admin: ModelAdmin, request: HttpRequest, title: str, name: str, lines: list[str], back: str
) -> TemplateResponse:
    waits, queued = why_queued_runs_wait(), _("A worker does it; you see it at work.")
    at_once = _("It is done before the next page comes; with a large fleet that takes a while.")
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": title,
        "schedule": name,
        "lines": lines,
        "how": "" if waits else queued if has_broker() else at_once,
        "waits": waits,
        "back": back,
    }
    return TemplateResponse(request, "capacity/schedule/run_now.html", context)

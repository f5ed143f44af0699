"""Aggregating any periods from the list of instances: of chosen ones, of the fleet, or of those with a tag."""

from functools import partial
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from capacity.admin import runs
from capacity.aggregation.arguments import Which, plan_periods, plan_range
from capacity.aggregation.results import AggregationStatus
from capacity.errors import InputError, QueueUnavailable
from capacity.inventory.selection import FLEET, Selection
from capacity.inventory.tags import all_tags
from capacity.models import Instance
from capacity.periods import PERIOD_CONFIG, PERIODS, Period, parse_periods, today
from capacity.runs import queueing
from capacity.runs.outcome import RunOutcome
from capacity.runs.spec import RunSpec
from capacity.runs.start import run_each
from capacity.scheduling.words import period_words
from sync_sessions.choices import Scope
from sync_sessions.common.broker import has_broker
from sync_sessions.common.words import told
from sync_sessions.errors import SessionAlreadyRunning

from .actions import InstanceActions

RANGE = "range"
MOST = 400  #: runs that one form starts: a year of days, with its weeks
TOLD = 5  #: runs that went wrong, by name


class DayInput(UnfoldAdminTextInputWidget):
    """The browser's own, in the reader's order of day and month."""

    input_type = "date"


class PeriodsForm(forms.Form):
    """Which periods. `plan` of the valid form are they, the oldest first per type."""

    periods = forms.MultipleChoiceField(
        label=gettext_lazy("Periods"),
        choices=[(config.key, config.label) for config in PERIOD_CONFIG],
        initial=PERIODS,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    which = forms.ChoiceField(
        label=gettext_lazy("Which"),
        choices=[
            (Which.LAST.value, gettext_lazy("the last complete ones")),
            (Which.CURRENT.value, gettext_lazy("those that are under way, so far")),
            (RANGE, gettext_lazy("all that lie wholly between two days")),
        ],
        initial=Which.LAST.value,
        widget=UnfoldAdminRadioSelectWidget,
    )
    first = forms.DateField(label=gettext_lazy("First day"), required=False, widget=DayInput)
    last = forms.DateField(label=gettext_lazy("Last day"), required=False, widget=DayInput)
    scope = forms.ChoiceField(
        label=gettext_lazy("Scope"), choices=Scope.choices, initial=Scope.ALL, widget=UnfoldAdminRadioSelectWidget
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                cleaned["plan"] = self._plan(cleaned)
            except InputError as error:
                self.add_error("first", error)
        return cleaned

    def _plan(self, cleaned: dict[str, Any]) -> list[Period]:
        configs, now = parse_periods(cleaned["periods"]), today()
        if cleaned["which"] != RANGE:
            return plan_periods(configs, Which(cleaned["which"]), now)
        first, last = cleaned["first"], cleaned["last"]
        for name in ("first", "last"):
            if cleaned[name] is None:
                self.add_error(name, _("Give both days."))
        if self.errors:
            return []
        if sum(Period.count_within(config.key, first, last) for config in configs) > MOST:
            text = _("That would be more than %(most)d runs: give a shorter range, or fewer types of periods.")
            self.add_error("first", text % {"most": MOST})
            return []
        plan = [period for period in plan_range(configs, first, last) if period.start <= now]
        if not plan:
            self.add_error("first", _("No period of these types lies wholly between these days and has begun."))
        return plan


class FleetPeriodsForm(PeriodsForm):
    tag = forms.ModelChoiceField(
        all_tags(),
        label=gettext_lazy("Tag"),
        required=False,
        empty_label=gettext_lazy("the whole fleet"),
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Only the active instances that have it."),
    )


class PeriodActions(InstanceActions):
    actions = ["aggregate_current_period", "aggregate_periods", *InstanceActions.actions[1:]]
    actions_list = ["aggregate_fleet", "aggregate_fleet_periods", *InstanceActions.actions_list[1:]]

    @admin.action(description=gettext_lazy("Aggregate periods …"), permissions=["trigger_aggregation"])
    def aggregate_periods(self, request: HttpRequest, queryset: QuerySet[Instance]) -> HttpResponse | None:
        if not self._enabled(request):
            return None
        form = PeriodsForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            text = ngettext(
                "Aggregate which periods of %(count)d instance?",
                "Aggregate which periods of %(count)d instances?",
                queryset.count(),
            )
            return self._ask_to_run(request, text, _("Aggregate"), queryset, form)
        active = self._active(request, queryset)
        return self._run_periods(request, form, Selection.of(active)) if active else None

    @action(
        description=gettext_lazy("Aggregate periods …"),
        permissions=["trigger_aggregation"],
        url_path="aggregate-fleet-periods",
    )
    def aggregate_fleet_periods(self, request: HttpRequest) -> HttpResponse:
        if not self._enabled(request):
            return self._to_list()
        form = FleetPeriodsForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            fleet = Instance.objects.active()
            text = ngettext(
                "Aggregate which periods of the whole fleet, %(count)d active instance?",
                "Aggregate which periods of the whole fleet, %(count)d active instances?",
                fleet.count(),
            )
            return self._ask_to_run(request, text, _("Aggregate"), fleet, form, fleet=True)
        tag = form.cleaned_data["tag"]
        selection = Selection.tagged([tag.name]) if tag else FLEET
        return self._run_periods(request, form, selection) or self._to_list()

    def _run_periods(self, request: HttpRequest, form: PeriodsForm, selection: Selection) -> HttpResponse | None:
        """One run is like any other. Several are done one after another, here or by a worker; to their sessions."""
        plan, scope = form.cleaned_data["plan"], form.cleaned_data["scope"]
        make = partial(RunSpec.of_period, scope=scope, selection=selection, created_by=request.user)
        if len(plan) == 1:
            entry = "Started by hand from the list of instances."
            return runs.land(self, request, lambda: make(plan[0]), entry)
        if has_broker():
            try:
                queueing.send_periods(plan, scope, selection, int(request.user.pk or 0))
            except QueueUnavailable as down:
                self.message_user(request, str(down), messages.ERROR)
                return None
            text = _("Queued. Each period has its session here as soon as it begins, the oldest first.")
            self.message_user(request, text, messages.INFO)
        else:
            task_id = str(uuid4())  # the log knows them for one
            try:
                outcomes = run_each(make(period, task_id=task_id) for period in plan)
            except SessionAlreadyRunning as busy:
                self.message_user(request, str(busy), messages.WARNING)
                return None
            self.message_user(request, *_what_became_of(outcomes))
        return redirect("admin:sync_sessions_syncsession_changelist") if runs.may_see_sessions(request) else None


def _what_became_of(outcomes: list[RunOutcome]) -> tuple[str, int]:
    """The text of a message, and its level."""
    good = (AggregationStatus.COMPLETED, AggregationStatus.SKIPPED)
    bad = [one for one in outcomes if one.status not in good]
    done = len(outcomes) - len(bad)
    text = ngettext("%(count)d period computed.", "%(count)d periods computed.", done) % {"count": done}
    reasons = [told(period_words(one.spec.period), one.message) for one in bad[:TOLD] if one.spec.period]
    return " ".join([text, *reasons]), messages.ERROR if bad else messages.SUCCESS

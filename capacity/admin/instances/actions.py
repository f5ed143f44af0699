"""What can be done to chosen instances, or to the fleet, from their list. Each asks first."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action

from capacity.admin import runs
from capacity.admin.asking import ask, some
from capacity.errors import AggregationDisabled
from capacity.inventory.tags import tag_instances
from capacity.models import Instance
from capacity.runs.switch import check_enabled
from sync_sessions.common.admin.base import ModelAdmin
from sync_sessions.common.history import log_changed
from sync_sessions.life import why_queued_runs_wait

from . import tables
from .forms import ScopeForm, TagForm


class InstanceActions(ModelAdmin):
    actions = ["aggregate_current_period", "collect_now", "add_tag", "remove_tag", "activate", "deactivate"]
    actions_list = ["aggregate_fleet", "collect_fleet"]
    actions_detail = ["collect_instance", "aggregate_instance", "largest_tables"]

    def has_trigger_aggregation_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("capacity.trigger_aggregation")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """None on the page of an inactive instance: they would only say that it is left out."""
        found = super().get_actions_detail(request, object_id)
        if not found or not self.can_be_key(str(object_id)):
            return found
        return [] if Instance.objects.filter(pk=object_id, is_active=False).exists() else found

    @admin.action(description=gettext_lazy("Aggregate current period"), permissions=["trigger_aggregation"])
    def aggregate_current_period(self, request: HttpRequest, queryset: QuerySet[Instance]) -> HttpResponse | None:
        """Runs at once when the POST names a scope, and asks for it otherwise."""
        if not self._enabled(request):
            return None
        if "scope" not in request.POST:
            text = ngettext(
                "Aggregate the current day of %(count)d instance?",
                "Aggregate the current day of %(count)d instances?",
                queryset.count(),
            )
            return self._ask_to_run(request, text, _("Aggregate"), queryset, ScopeForm())
        active = self._active(request, queryset)
        scope = request.POST["scope"]
        entry = _entry(request, active)
        return runs.land(self, request, lambda: runs.aggregate(request, active, scope), entry) if active else None

    @admin.action(description=gettext_lazy("Collect now"), permissions=["trigger_aggregation"])
    def collect_now(self, request: HttpRequest, queryset: QuerySet[Instance]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            text = ngettext(
                "Measure the databases of %(count)d instance now?",
                "Measure the databases of %(count)d instances now?",
                queryset.count(),
            )
            return self._ask_to_run(request, text, _("Collect"), queryset)
        active = self._active(request, queryset)
        entry = _entry(request, active)
        return runs.land(self, request, lambda: runs.collect(request, active), entry) if active else None

    @action(description=gettext_lazy("Collect now"), permissions=["trigger_aggregation"], url_path="collect")
    def collect_instance(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._of_one(request, object_id, self.collect_now)

    @action(
        description=gettext_lazy("Aggregate current period"), permissions=["trigger_aggregation"], url_path="aggregate"
    )
    def aggregate_instance(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._of_one(request, object_id, self.aggregate_current_period)

    @action(description=gettext_lazy("Largest tables"), permissions=["trigger_aggregation"], url_path="tables")
    def largest_tables(self, request: HttpRequest, object_id: str) -> HttpResponse:
        one = self.get_object(request, unquote(object_id))
        if one is None or not self.has_view_permission(request, one):
            raise Http404
        return tables.page(self, request, one)

    def _of_one(
        self, request: HttpRequest, object_id: str, act: Callable[[HttpRequest, QuerySet[Instance]], Any]
    ) -> HttpResponse:
        """An action of the list for the instance of a page, to which one comes back."""
        one = self.get_object(request, unquote(object_id))
        if one is None or not self.has_view_permission(request, one):
            raise Http404
        return act(request, Instance.objects.filter(pk=one.pk)) or redirect(_page_of(one.pk))

    @action(
        description=gettext_lazy("Aggregate the fleet"),
        permissions=["trigger_aggregation"],
        url_path="aggregate-fleet",
    )
    def aggregate_fleet(self, request: HttpRequest) -> HttpResponse:
        if not self._enabled(request):
            return self._to_list()
        form = ScopeForm(request.POST or None)
        if not form.is_valid():
            count = Instance.objects.active().count()
            text = ngettext(
                "Aggregate the current day of the whole fleet, %(count)d active instance?",
                "Aggregate the current day of the whole fleet, %(count)d active instances?",
                count,
            )
            return self._ask_to_run(request, text, _("Aggregate"), Instance.objects.active(), form, fleet=True)
        scope, entry = form.cleaned_data["scope"], "Started by hand for the fleet."
        return runs.land(self, request, lambda: runs.aggregate(request, None, scope), entry) or self._to_list()

    @action(
        description=gettext_lazy("Collect from the fleet"),
        permissions=["trigger_aggregation"],
        url_path="collect-fleet",
    )
    def collect_fleet(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            count = Instance.objects.collectable().count()
            text = ngettext(
                "Measure the databases of the whole fleet now, %(count)d active instance with a host?",
                "Measure the databases of the whole fleet now, %(count)d active instances with a host?",
                count,
            )
            return self._ask_to_run(request, text, _("Collect"), Instance.objects.collectable(), fleet=True)
        entry = "Started by hand for the fleet."
        return runs.land(self, request, lambda: runs.collect(request, None), entry) or self._to_list()

    @admin.action(description=gettext_lazy("Add a tag"), permissions=["change"])
    def add_tag(self, request: HttpRequest, queryset: QuerySet[Instance]) -> HttpResponse | None:
        text = ngettext(
            "Which tag shall %(count)d instance get?", "Which tag shall %(count)d instances get?", queryset.count()
        )
        done = gettext_lazy("%(tag)s: %(count)d of the chosen instances have it now that had it not.")
        return self._tag(request, queryset, text, done, on=True)

    @admin.action(description=gettext_lazy("Remove a tag"), permissions=["change"])
    def remove_tag(self, request: HttpRequest, queryset: QuerySet[Instance]) -> HttpResponse | None:
        text = ngettext(
            "Which tag shall %(count)d instance lose?", "Which tag shall %(count)d instances lose?", queryset.count()
        )
        done = gettext_lazy("%(tag)s: %(count)d of the chosen instances had it and have it no more.")
        return self._tag(request, queryset, text, done, on=False)

    def _tag(
        self, request: HttpRequest, queryset: QuerySet[Instance], text: str, done: Any, *, on: bool
    ) -> HttpResponse | None:
        form = TagForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._confirm(request, text, _("Add") if on else _("Remove"), queryset, form)
        tag = form.cleaned_data["tag"]
        count = tag_instances(queryset, tag, on=on, by=request.user)
        self.message_user(request, str(done) % {"tag": tag, "count": count}, messages.SUCCESS)
        return None

    @admin.action(description=gettext_lazy("Activate"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Instance]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            text = ngettext("Activate %(count)d instance?", "Activate %(count)d instances?", queryset.count())
            return self._confirm(request, text, _("Activate"), queryset)
        count = self._switch(request, queryset, True)
        text = ngettext("%(count)d instance activated.", "%(count)d instances activated.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
        return None

    @admin.action(description=gettext_lazy("Deactivate"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Instance]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            text = ngettext(
                "Deactivate %(count)d instance? It will neither be collected nor aggregated; its history stays.",
                "Deactivate %(count)d instances? They will neither be collected nor aggregated; their history stays.",
                queryset.count(),
            )
            return self._confirm(request, text, _("Deactivate"), queryset)
        count = self._switch(request, queryset, False)
        text = ngettext("%(count)d instance deactivated.", "%(count)d instances deactivated.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
        return None

    def _switch(self, request: HttpRequest, queryset: QuerySet[Instance], active: bool) -> int:
        """Gives how many were the other way; each has an entry in its history."""
        with transaction.atomic():
            changed = list(queryset.exclude(is_active=active))
            chosen = Instance.objects.filter(pk__in=[one.pk for one in changed])
            chosen.update(is_active=active, updated_at=timezone.now())
            log_changed(request.user, changed, ["is_active"])
        return len(changed)

    def _enabled(self, request: HttpRequest) -> bool:
        try:
            check_enabled()
        except AggregationDisabled as off:
            self.message_user(request, str(off), messages.WARNING)
            return False
        return True

    def _active(self, request: HttpRequest, queryset: QuerySet[Instance]) -> list[Instance]:
        """The active ones of those selected; the others are named in a message."""
        selected = list(queryset)
        inactive = [one.name for one in selected if not one.is_active]
        if inactive:
            names = some(inactive, len(inactive))
            text = _("Left out, as they are inactive: %(names)s.") % {"names": names}
            self.message_user(request, text, messages.WARNING)
        return [one for one in selected if one.is_active]

    def _confirm(
        self,
        request: HttpRequest,
        text: str,
        button: str,
        instances: QuerySet[Instance],
        form: Form | None = None,
        *,
        fleet: bool = False,
        waits: str = "",
    ) -> TemplateResponse:
        """A page that asks; its form posts the same action again, with the answer. `text` has a %(count)d."""
        back = _origin(request, fleet)
        return ask(
            self, request, text, button, instances, "name", form=form, back=back, of_chosen=not fleet, waits=waits
        )

    def _ask_to_run(self, *question: Any, fleet: bool = False) -> TemplateResponse:
        """The same for what is queued where there is a broker."""
        return self._confirm(*question, fleet=fleet, waits=why_queued_runs_wait())

    def _to_list(self) -> HttpResponse:
        return redirect("admin:capacity_instance_changelist")


def _of_page(request: HttpRequest) -> str | None:
    """The key of the instance on whose page the action was asked for; None on the list."""
    assert request.resolver_match
    return request.resolver_match.kwargs.get("object_id")


def _page_of(key: Any) -> str:
    return reverse("admin:capacity_instance_change", args=[key])


def _origin(request: HttpRequest, fleet: bool) -> str:
    """Where one came from: a page, or the list with its search and its page."""
    if key := _of_page(request):
        return _page_of(key)
    return reverse("admin:capacity_instance_changelist") if fleet else request.get_full_path()


def _entry(request: HttpRequest, instances: list[Instance]) -> str:
    """What the session's history says."""
    if _of_page(request):
        return "Started by hand from the page of the instance."
    return f"Started by hand from the list of instances: {len(instances)} selected."

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display

from capacity.admin.sizes.addresses import database_link
from capacity.alerts import wording
from capacity.alerts.state import AlertOver
from capacity.models import Alert, AlertStatus
from sync_sessions.admin.cells import moment
from sync_sessions.common.admin.base import ModelAdmin
from sync_sessions.common.admin.filters import TagFilter
from sync_sessions.common.admin.read_only import ReadOnly
from sync_sessions.common.words import listed, told

from .answers import AcknowledgeForm, SilenceForm
from .shown import SEVERITY_VARIANTS, STATUS_VARIANTS, status_of

NOTE_SHOWN = 120  #: characters in the list; the page has it whole


class StatusFilter(admin.SimpleListFilter):
    """Those that are open, unless the reader asks for others."""

    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [one for one in AlertStatus.choices if one[0] != AlertStatus.PENDING] + [("all", _("All"))]

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": _("Open and acknowledged"),
        }
        for value, label in self.lookup_choices:
            yield {
                "selected": self.value() == str(value),
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        if self.value() == "all":
            return queryset
        if self.value() in dict(self.lookup_choices):
            return queryset.filter(status=self.value())
        return queryset.filter(status__in=[AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED])


@admin.register(Alert)
class AlertAdmin(ReadOnly, ModelAdmin):
    list_display = ["what", "severity_cell", "status_cell", "text", "since", "until", "answer"]
    list_filter = [StatusFilter, "severity", "kind", ("instance", AutocompleteSelectFilter), TagFilter]
    list_filter_submit = True
    list_per_page = 50
    search_fields = ["instance_name", "database_name", "rule_name"]
    actions = ["acknowledge_selected", "silence_selected"]
    actions_detail = ["acknowledge_one", "silence_one"]
    fields = [
        "rule_title",
        "severity",
        "status",
        "text",
        "instance_link",
        "its_database",
        "since",
        "last_seen_on",
        "resolved",
        "acknowledged",
        "note",
        "until",
        "messages_sent",
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        found = super().get_queryset(request).exclude(status=AlertStatus.PENDING)
        return found.select_related("acknowledged_by", "instance")

    def has_answer_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("capacity.change_alert")

    @admin.display(description=gettext_lazy("alert"), ordering="instance_name")
    def what(self, alert: Alert) -> str:
        return wording.title(alert)

    @admin.display(description=gettext_lazy("rule"))
    def rule_title(self, alert: Alert) -> str:
        return _(alert.rule_name)

    @display(description=gettext_lazy("severity"), label=SEVERITY_VARIANTS)
    def severity_cell(self, alert: Alert) -> tuple[str, str]:
        return alert.severity, alert.get_severity_display()

    @display(description=gettext_lazy("status"), label=STATUS_VARIANTS)
    def status_cell(self, alert: Alert) -> tuple[str, str]:
        return status_of(alert)

    @admin.display(description=gettext_lazy("what is wrong"))
    def text(self, alert: Alert) -> str:
        return wording.sentence(alert)

    @admin.display(description=gettext_lazy("since"), ordering="opened_at")
    def since(self, alert: Alert) -> str:
        return moment(alert.opened_at)

    @admin.display(description=gettext_lazy("silenced until"))
    def until(self, alert: Alert) -> str:
        return moment(alert.silenced_until)

    @admin.display(description=gettext_lazy("over since"))
    def resolved(self, alert: Alert) -> str:
        return moment(alert.resolved_at)

    @admin.display(description=gettext_lazy("acknowledged"))
    def acknowledged(self, alert: Alert) -> str:
        if not alert.acknowledged_at:
            return "–"
        return f"{moment(alert.acknowledged_at)} {alert.acknowledged_by or ''}".strip()

    @admin.display(description=gettext_lazy("acknowledged by, note"))
    def answer(self, alert: Alert) -> str | SafeString:
        """Who has seen it, and what was noted then or when it was silenced."""
        by = str(alert.acknowledged_by or "")
        if not alert.note:
            return by or "–"
        note = Truncator(alert.note).chars(NOTE_SHOWN)
        return format_html('{}<span class="block text-subtle text-xs">{}</span>', by, note)

    @admin.display(description=gettext_lazy("instance"))
    def instance_link(self, alert: Alert) -> str | SafeString:
        if not alert.instance_id:
            return alert.instance_name or "–"
        return database_link(alert.instance_id, "", alert.instance_name)

    @admin.display(description=gettext_lazy("database"))
    def its_database(self, alert: Alert) -> str | SafeString:
        if not alert.instance_id or not alert.database_name:
            return alert.database_name or "–"
        return database_link(alert.instance_id, alert.database_name)

    @admin.display(description=gettext_lazy("messages"))
    def messages_sent(self, alert: Alert) -> str:
        sent = alert.notifications.select_related("channel").order_by("pk")
        lines = [
            told(one.channel, listed(filter(None, (one.get_kind_display(), one.get_status_display(), one.error))))
            for one in sent
        ]
        return "; ".join(lines) or _("None: no channel is named by its rule.")

    @admin.action(description=gettext_lazy("Acknowledge"), permissions=["answer"])
    def acknowledge_selected(self, request: HttpRequest, queryset: QuerySet[Alert]) -> HttpResponse | None:
        return self._ask(request, list(queryset), AcknowledgeForm)

    @admin.action(description=gettext_lazy("Silence"), permissions=["answer"])
    def silence_selected(self, request: HttpRequest, queryset: QuerySet[Alert]) -> HttpResponse | None:
        return self._ask(request, list(queryset), SilenceForm)

    @action(description=gettext_lazy("Acknowledge"), permissions=["answer"], url_path="acknowledge")
    def acknowledge_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._of_page(request, object_id, AcknowledgeForm)

    @action(description=gettext_lazy("Silence"), permissions=["answer"], url_path="silence")
    def silence_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._of_page(request, object_id, SilenceForm)

    def _of_page(self, request: HttpRequest, object_id: str, form: type[AcknowledgeForm]) -> HttpResponse:
        alert = self.get_object(request, unquote(object_id))
        if alert is None or not self.has_view_permission(request, alert):
            raise Http404
        return self._ask(request, [alert], form) or redirect("admin:capacity_alert_change", alert.pk)

    def _ask(self, request: HttpRequest, alerts: list[Alert], form: type[AcknowledgeForm]) -> HttpResponse | None:
        """A page that asks; its form posts the same again, with the answer. None when it is done."""
        answered = form(request.POST if "confirmed" in request.POST else None)
        if answered.is_valid():
            self._do(request, alerts, answered)
            return None
        count = len(alerts)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": ngettext("%(button)s %(count)d alert", "%(button)s %(count)d alerts", count)
            % {"button": form.button, "count": count},
            "names": "; ".join(wording.title(one) for one in alerts[:20]),
            "button": form.button,
            "form": answered,
            "selected": request.POST.getlist("_selected_action"),
            "action": request.POST.get("action", ""),
            "select_across": request.POST.get("select_across", "0"),
            "fleet": "action" not in request.POST,
            "back": reverse("admin:capacity_alert_changelist"),
        }
        return TemplateResponse(request, "capacity/instance/confirm.html", context)

    def _do(self, request: HttpRequest, alerts: list[Alert], answered: AcknowledgeForm) -> None:
        done, refused = 0, []
        for alert in alerts:
            try:
                answered.act(alert, request.user)
            except AlertOver as over:
                refused.append(told(wording.title(alert), over))
            else:
                done += 1
        if done:
            self.message_user(request, answered.done(done), messages.SUCCESS)
        if refused:
            self.message_user(request, " ".join(refused[:5]), messages.WARNING)

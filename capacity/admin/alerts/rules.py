from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from unfold.decorators import display

from capacity.admin.conditions import shown_if
from capacity.admin.previewed import preview_button
from capacity.alerts.evaluation import preview
from capacity.alerts.rules import KINDS, threshold
from capacity.alerts.selection import Named
from capacity.models import AlertRule, AlertStatus
from capacity.units import format_bytes
from sync_sessions.common.admin.deletion import CountedDeletion
from sync_sessions.common.words import listed

from .rule_form import NUMBERS, USED_BY, RuleForm

SHOWN = 20  #: targets of a preview


@admin.register(AlertRule)
class RuleAdmin(CountedDeletion):
    form = RuleForm
    list_display = ["title", "kind", "level", "numbers", "severity", "open_now", "state"]
    list_filter = ["kind", "severity", "enabled"]
    search_fields = ["name"]
    autocomplete_fields = ["instances", "tags"]
    conditional_fields = {name: shown_if("kind", kinds) for name, kinds in USED_BY.items()}
    fieldsets = [
        (None, {"fields": ["name", "enabled"]}),
        (pgettext_lazy("of a rule", "When"), {"fields": ["kind", "level", *NUMBERS, "for_days"]}),
        (gettext_lazy("What it is about"), {"fields": ["db_types", "instances", "tags", "database_pattern"]}),
        (gettext_lazy("Who hears of it"), {"fields": ["severity", "channels"]}),
    ]
    change_form_outer_before_template = "capacity/alert/preview.html"

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def title(self, rule: AlertRule) -> str:
        return str(rule)

    @admin.display(description=gettext_lazy("threshold"))
    def numbers(self, rule: AlertRule) -> str:
        found = []
        for name, one in KINDS[rule.kind].thresholds.items():
            value = threshold(rule, name)
            found.append(format_bytes(value) if name == "bytes" else f"{value} {one.unit}")
        return listed(found) or "–"

    @admin.display(description=gettext_lazy("open now"))
    def open_now(self, rule: Any) -> int:
        return rule.alerts.filter(status__in=[AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED]).count()

    @display(description=gettext_lazy("state"), ordering="enabled", label={True: "success", False: "warning"})
    def state(self, rule: AlertRule) -> tuple[bool, str]:
        return rule.enabled, _("On") if rule.enabled else _("Off")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        form = context["adminform"].form
        if isinstance(form, RuleForm):
            context["actions_submit_line"] = [preview_button(_("What would be open now?"))]
            if form.is_preview and not form.errors:
                context["preview"] = self._preview(form)
        return super().render_change_form(request, context, *args, **kwargs)

    def _preview(self, form: RuleForm) -> dict[str, Any]:
        named = Named(*([one.pk for one in form.cleaned_data[name]] for name in ("instances", "tags")))
        found = preview(form.instance, named)
        text = ngettext("%(count)d target would be open now.", "%(count)d targets would be open now.", len(found))
        names = [" ".join(filter(None, (one.target.instance_name, one.target.database_name))) for one in found[:SHOWN]]
        return {
            "text": text % {"count": len(found)},
            "names": [name or _("the fleet") for name in names],
            "more": max(len(found) - SHOWN, 0),
        }

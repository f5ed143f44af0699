from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.aggregation.faults import describe
from capacity.collection.hosts import check_name
from capacity.models import Instance
from sync_sessions.choices import Scope
from sync_sessions.errors import SessionAlreadyRunning
from sync_sessions.models import SyncSession


class ScopeActionForm(ActionForm):
    """Beside the action: which levels to aggregate."""

    scope = forms.ChoiceField(label=gettext_lazy("Scope:"), choices=Scope.choices, initial=Scope.ALL, required=False)


class KeptPassword(forms.CharField):
    """Changed when something is typed: the history must not tell of a password that was kept."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


class InstanceForm(forms.ModelForm):
    """The password can be set, never seen: a blank keeps the stored one."""

    password = KeptPassword(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Stored encrypted and never shown. Leave it empty to keep the stored one."),
    )

    class Meta:
        model = Instance
        fields = [
            "name",
            "db_type",
            "host",
            "port",
            "database_name",
            "username",
            "password",
            "description",
            "is_active",
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("password") and self.instance.pk:
            # A stored password goes to no other server than the one it was given for.
            if {"host", "port"} & set(self.changed_data) and self.instance.password:
                self.add_error("password", _("Give the password again, as the host or port is another."))
            cleaned["password"] = self.instance.password
        return cleaned

    def clean_host(self) -> str:
        host = self.cleaned_data["host"]
        if host:
            check_name(host)
        return host


@admin.register(Instance)
class InstanceAdmin(ModelAdmin):
    form = InstanceForm
    action_form = ScopeActionForm
    actions = ["aggregate_current_period"]
    list_display = ["name", "db_type", "host", "port", "is_active"]
    list_filter = ["db_type", "is_active"]
    search_fields = ["name", "host", "description"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instance]:
        # Not decrypted for a page that does not need it.
        return super().get_queryset(request).defer("password")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        kept = [one for one in objs if one.samples.exists()]
        if kept:
            text = _(
                "%(name)s has samples: deactivate it instead. `manage.py purge_instance` deletes its history too."
            )
            return [], {}, set(), [text % {"name": one.name} for one in kept]
        return super().get_deleted_objects(objs, request)

    def has_trigger_aggregation_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("capacity.trigger_aggregation")

    @admin.action(description=gettext_lazy("Aggregate current period"), permissions=["trigger_aggregation"])
    def aggregate_current_period(self, request: HttpRequest, queryset: QuerySet[Instance]) -> None:
        """Runs the selected instances in this request; the message links to the session."""
        if not settings.WHALEFALL_AGGREGATION_ENABLED:
            text = _("Aggregation is switched off: set WHALEFALL_AGGREGATION_ENABLED=true to run it.")
            self.message_user(request, text, messages.WARNING)
            return
        selected = list(queryset)
        inactive = [one.name for one in selected if not one.is_active]
        active = [one for one in selected if one.is_active]
        if inactive:
            text = _("Left out, as they are inactive: %(names)s.") % {"names": ", ".join(inactive)}
            self.message_user(request, text, messages.WARNING)
        if not active:
            return
        asked = CurrentAggregationRequest(scope=request.POST.get("scope"), created_by=request.user, instances=active)
        try:
            result = CurrentAggregationService().aggregate_current(asked)
        except SessionAlreadyRunning as busy:
            self._tell(request, messages.WARNING, str(busy), busy.session and busy.session.session_id)
        except Exception as error:
            # The orchestrator has put it on the session; here it becomes a message.
            self._tell(request, messages.ERROR, describe(error), getattr(error, "sync_session_id", None))
        else:
            level = messages.ERROR if result["status"] == "failed" else messages.SUCCESS
            text = " ".join([result["message"], *result["errors"][:5]])
            self._tell(request, level, text, result["session"]["session_id"])

    def _tell(self, request: HttpRequest, level: int, text: str, session_id: Any) -> None:
        url = reverse("admin:sync_sessions_syncsession_changelist")
        session = SyncSession.objects.filter(session_id=session_id).first() if session_id else None
        if session:
            url = reverse("admin:sync_sessions_syncsession_change", args=[session.pk])
        self.message_user(request, format_html('{} <a href="{}">{}</a>', text, url, _("Show the session")), level)

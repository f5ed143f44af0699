from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from capacity.admin.conditions import shown_if
from capacity.alerts.mail import recipients
from capacity.alerts.outbox import send_test
from capacity.alerts.services import masked
from capacity.collection.web import check_url
from capacity.models import NotificationChannel, NotificationStatus
from capacity.schedules import REPORT_NAME
from sync_sessions.admin.cells import moment
from sync_sessions.common.admin.deletion import CountedDeletion

from .channel_help import ADDRESSES, SECRETS, Kind, help_of


class ChannelForm(forms.ModelForm):
    """Address and secret can be set, never seen: blank ones keep what is stored."""

    new_address = forms.CharField(
        label=gettext_lazy("Address"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=help_of(ADDRESSES, gettext_lazy("Stored encrypted; leave it empty to keep the stored one.")),
    )
    new_secret = forms.CharField(
        label=gettext_lazy("Secret"),
        required=False,
        max_length=2000,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=help_of(SECRETS, gettext_lazy("Stored encrypted; leave it empty to keep the stored one.")),
    )

    class Meta:
        model = NotificationChannel
        fields = [
            "name",
            "kind",
            "language",
            "min_severity",
            "mode",
            "digest_at",
            "send_resolved",
            "monthly_report",
            "report_tag",
            "enabled",
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        kind, address = cleaned.get("kind"), cleaned.get("new_address", "").strip()
        moved = self.instance.pk and "kind" in self.changed_data
        if not address and (not self.instance.pk or moved):
            self.add_error("new_address", _("Give the address."))
        if kind not in SECRETS:
            cleaned["new_secret"] = ""  # nobody sees the field
        elif moved and not cleaned.get("new_secret") and self.instance.has_secret:
            self.add_error("new_secret", _("Give the secret again, as the kind is another."))
        if address:
            try:
                if kind == Kind.EMAIL:
                    recipients(address)
                elif kind != Kind.TELEGRAM:
                    check_url(address)
            except forms.ValidationError as error:
                self.add_error("new_address", error)
        if kind == Kind.TELEGRAM and not cleaned.get("new_secret") and not self.instance.has_secret:
            self.add_error("new_secret", _("Give the token of the bot."))
        if cleaned.get("mode") == NotificationChannel.Mode.DAILY and not cleaned.get("digest_at"):
            self.add_error("digest_at", _("Give the time of the message."))
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        for name in ("address", "secret"):
            if value := self.cleaned_data.get(f"new_{name}"):
                setattr(self.instance, name, value.strip() if name == "address" else value)
        if self.cleaned_data.get("kind") not in SECRETS:
            self.instance.secret = ""
        if self.cleaned_data.get("enabled"):
            self.instance.disabled_reason = ""


@admin.register(NotificationChannel)
class ChannelAdmin(CountedDeletion):
    form = ChannelForm
    goes_with = ("notifications",)
    list_display = ["name", "kind", "where", "min_severity", "mode", "state", "delivered", "last_error"]
    list_filter = ["kind", "enabled"]
    search_fields = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "kind", "new_address", "new_secret", "enabled"]}),
        (
            gettext_lazy("What goes there"),
            {
                "fields": [
                    "min_severity",
                    "mode",
                    "digest_at",
                    "send_resolved",
                    "monthly_report",
                    "report_tag",
                    "language",
                ]
            },
        ),
        (gettext_lazy("How it went"), {"fields": ["where", "delivered", "last_error", "disabled_reason"]}),
    ]
    readonly_fields = ["where", "delivered", "last_error", "disabled_reason"]
    conditional_fields = {
        "new_secret": shown_if("kind", SECRETS),
        "digest_at": "mode == 'daily'",
        "monthly_report": "kind == 'email'",
        "report_tag": "kind == 'email'",
    }
    autocomplete_fields = ["report_tag"]
    actions_submit_line = ["save_and_test"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj and not self.has_change_permission(request, obj):
            shown = [
                "name",
                "kind",
                "where",
                "enabled",
                "min_severity",
                "mode",
                "digest_at",
                "send_resolved",
                "language",
            ]
            return [(None, {"fields": shown}), self.fieldsets[-1]]
        return self.fieldsets

    def save_model(self, request: HttpRequest, obj: NotificationChannel, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        off = PeriodicTask.objects.filter(name=REPORT_NAME, enabled=False)
        if obj.monthly_report and obj.enabled and "monthly_report" in form.changed_data and off.update(enabled=True):
            PeriodicTasks.update_changed()
            self.message_user(request, _("The schedule of the monthly report is switched on."), messages.INFO)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("add"):
            # The theme shows it to what is saved already: a new one is saved first as well.
            context["actions_submit_line"] = self.get_actions_submit_line(request, 0)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=gettext_lazy("address"))
    def where(self, channel: NotificationChannel) -> str:
        return masked(channel) if channel.pk else "–"

    @admin.display(description=gettext_lazy("last delivered"))
    def delivered(self, channel: NotificationChannel) -> str:
        return moment(channel.last_ok_at)

    @display(description=gettext_lazy("state"), label={"on": "success", "off": "warning", "broken": "danger"})
    def state(self, channel: NotificationChannel) -> tuple[str, str]:
        if channel.disabled_reason and not channel.enabled:
            return "broken", _("Switched off by an error")
        return ("on", _("On")) if channel.enabled else ("off", _("Off"))

    @action(description=gettext_lazy("Save and send a test"), permissions=["change"])
    def save_and_test(self, request: HttpRequest, obj: NotificationChannel) -> None:
        """The very way of every other message; the answer is a message of the page."""
        sent = send_test(obj)
        if sent.status == NotificationStatus.SENT:
            self.message_user(request, _("The test message was delivered."), messages.SUCCESS)
        else:
            text = _("The test message was not delivered: %(reason)s") % {"reason": sent.error}
            self.message_user(request, text, messages.ERROR)

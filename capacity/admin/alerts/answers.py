"""What people do to alerts: each form asks for the rest, does it to one, and says of how many it is done."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget

from capacity.alerts.state import acknowledge, silence
from capacity.models import Alert
from sync_sessions.admin.cells import moment

MAX_DAYS = 365


class AcknowledgeForm(forms.Form):
    button = gettext_lazy("Acknowledge")
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )

    def act(self, alert: Alert, user: Any) -> None:
        acknowledge(alert, by=user, note=self.cleaned_data["note"])

    def done(self, count: int) -> str:
        return ngettext("%(count)d alert acknowledged.", "%(count)d alerts acknowledged.", count) % {"count": count}


class SilenceForm(AcknowledgeForm):
    button = gettext_lazy("Silence")
    days = forms.IntegerField(
        label=gettext_lazy("For how many days"),
        initial=7,
        min_value=1,
        max_value=MAX_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    field_order = ["days", "note"]

    @cached_property
    def until(self) -> datetime:
        return timezone.now() + timedelta(days=self.cleaned_data["days"])

    def act(self, alert: Alert, user: Any) -> None:
        silence(alert, until=self.until, by=user, note=self.cleaned_data["note"])

    def done(self, count: int) -> str:
        text = ngettext(
            "%(count)d alert silenced until %(until)s.", "%(count)d alerts silenced until %(until)s.", count
        )
        return text % {"count": count, "until": moment(self.until)}

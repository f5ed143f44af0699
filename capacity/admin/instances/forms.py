from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget

from capacity.collection import hosts
from capacity.collection.password_rule import is_less_protected, must_repeat_password
from capacity.collection.validation import clean_name, clean_text
from capacity.inventory import rules
from capacity.inventory.tags import all_tags
from capacity.models import Instance
from capacity.models.fields import validate_text
from sync_sessions.choices import Scope


class ScopeForm(forms.Form):
    """Which levels to aggregate."""

    scope = forms.ChoiceField(
        label=gettext_lazy("Scope"), choices=Scope.choices, initial=Scope.ALL, widget=UnfoldAdminRadioSelectWidget
    )


class TagForm(forms.Form):
    """Which tag chosen instances get or lose."""

    tag = forms.ModelChoiceField(all_tags(), label=gettext_lazy("Tag"), widget=UnfoldAdminSelectWidget)


class KeptPassword(forms.CharField):
    """A secret that can be set, never seen. Changed when something is typed: the history must not tell of one that was
    kept."""

    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, strip=False, validators=[validate_text], **options)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


class ConnectionForm(forms.ModelForm):
    """How to reach a server. The password can be set, never seen: a blank keeps the stored one."""

    password = KeptPassword(
        label=gettext_lazy("Password"),
        help_text=gettext_lazy(
            "Stored encrypted, never shown. Left empty, the stored one stays, unless host or port change."
        ),
    )

    class Meta:
        model = Instance
        fields = ["db_type", "host", "port", "database_name", "username", "tls_mode", "tls_ca"]
        # Of the model's fields: the stored one is not decrypted to show or to save the others.
        exclude = ["password"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "tls_mode" in self.fields:  # who may only look has no fields
            self.fields["tls_mode"].required = False  # left out, it is as it was

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        where = [cleaned.get(name, getattr(self.instance, name)) for name in ("db_type", "host", "port")]
        moved = self.instance.pk and must_repeat_password(self.instance, *where)
        if moved and not cleaned.get("password"):
            self.add_error("password", _("The engine, host or port has changed: type the password again."))
        tls_mode = cleaned.get("tls_mode") or self.instance.tls_mode
        tls_ca = cleaned.get("tls_ca", "") if "tls_ca" in self.data else self.instance.tls_ca
        weaker = self.instance.pk and is_less_protected(self.instance, tls_mode, tls_ca)
        if weaker and not cleaned.get("password"):
            self.add_error("password", _("TLS protects the connection less than before: type the password again."))
        return cleaned

    def clean_host(self) -> str:
        if host := self.cleaned_data["host"]:
            hosts.check_name(host)
        return host

    def clean_tls_ca(self) -> str:
        rules.check_tls_ca(self.cleaned_data["tls_ca"])
        return self.cleaned_data["tls_ca"]

    def clean_database_name(self) -> str:
        return clean_text(self.cleaned_data["database_name"])

    def clean_username(self) -> str:
        return clean_text(self.cleaned_data["username"])

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.cleaned_data.get("password"):
            self.instance.password = self.cleaned_data["password"]


class InstanceForm(ConnectionForm):
    class Meta(ConnectionForm.Meta):
        fields = ["name", *ConnectionForm.Meta.fields, "description", "tags", "is_active"]

    #: In this order, with the password beside its user.
    shown = list(Meta.fields)
    shown.insert(shown.index("username") + 1, "password")

    def clean_name(self) -> str:
        return clean_name(self.cleaned_data["name"])

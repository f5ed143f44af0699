from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from capacity.admin.instances.forms import KeptPassword
from capacity.collection.sources.prometheus.ready import EXPORTERS
from capacity.collection.web import check_url
from capacity.errors import FieldKeyError
from capacity.inventory import rules
from capacity.models import PrometheusMapping, PrometheusSource


class SourceForm(forms.ModelForm):
    """The secret can be set, never seen: a blank keeps the stored one, unless the source is another server."""

    secret = KeptPassword(
        label=gettext_lazy("Password or token"),
        help_text=gettext_lazy(
            "Stored encrypted, never shown. Left empty, the stored one stays, unless the server changes."
        ),
    )
    ready = forms.MultipleChoiceField(
        label=gettext_lazy("Ready mappings"),
        required=False,
        choices=[(key, exporter.name) for key, exporter in EXPORTERS.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("Of these exporters mappings are added, to be changed in their list if need be."),
    )

    class Meta:
        model = PrometheusSource
        fields = ["name", "url", "auth", "username", "tenant_header", "tenant", "tls_ca", "is_active"]
        exclude = ["secret"]

    shown = list(Meta.fields)
    shown.insert(shown.index("username") + 1, "secret")
    shown.append("ready")

    def clean_url(self) -> str:
        url = self.cleaned_data["url"].strip().rstrip("/")
        check_url(url)
        if urlsplit(url).query or urlsplit(url).fragment or "/api/v1" in url:
            raise forms.ValidationError(_("Give what stands before /api/v1, without a question mark."))
        return url

    def clean_tls_ca(self) -> str:
        rules.check_tls_ca(self.cleaned_data["tls_ca"])
        return self.cleaned_data["tls_ca"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        url = cleaned.get("url", self.instance.url)
        moved = self.instance.pk and urlsplit(url)[:2] != urlsplit(self.initial.get("url", ""))[:2]
        if moved and not cleaned.get("secret") and _has_secret(self.instance):
            self.add_error("secret", _("The server has changed: type the password or token again."))
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.cleaned_data.get("secret"):
            self.instance.secret = self.cleaned_data["secret"]


def _has_secret(source: PrometheusSource) -> bool:
    try:
        return bool(source.secret)
    except FieldKeyError:
        return True  # there is one, whatever it is


class MappingForm(forms.ModelForm):
    class Meta:
        model = PrometheusMapping
        fields = ["source", "name", "db_type", "kind", "query", "instance_label", "database_label", "factor"]

    def clean_query(self) -> str:
        return self.cleaned_data["query"].strip()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("kind") in ("size", "data", "log") and not cleaned.get("database_label"):
            self.add_error("database_label", _("Sizes need one: which database a series is about."))
        return cleaned

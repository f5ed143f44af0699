from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from capacity.admin.cells import size_cell
from capacity.admin.instances.connection import posting_button
from capacity.collection.connection_test import PROBES
from capacity.collection.sources.prometheus.preview import Preview, preview
from capacity.collection.sources.prometheus.ready import add_ready, mappings_of
from capacity.models import PrometheusMapping, PrometheusSource
from sync_sessions.common.admin.base import ModelAdmin
from sync_sessions.common.gates import Busy
from sync_sessions.common.words import listed, told

from .forms import MappingForm, SourceForm


class Previewed(ModelAdmin):
    """With a button beside Save that shows what the form would make of the series there are, and saves nothing."""

    change_form_after_template = "capacity/prometheus/preview.html"

    def mappings_of(self, form: Any) -> list[PrometheusMapping]:
        """What a valid form is about."""
        raise NotImplementedError

    def get_urls(self) -> list[Any]:
        view, name = self.admin_site.admin_view(self.preview), f"capacity_{self.opts.model_name}_preview"
        return [
            path("preview/", view, name=f"{name}_new"),
            path("<path:object_id>/preview/", view, name=name),
            *super().get_urls(),
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        name = f"admin:capacity_{self.opts.model_name}_preview"
        url = reverse(name, args=[object_id]) if object_id else reverse(f"{name}_new")
        context = {"test_button": posting_button(url), "test_label": _("Preview")}
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def preview(self, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        """Answers a POST of the form's fields, for those who may save it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        found = self.get_object(request, object_id) if object_id else None
        if object_id and found is None:
            raise Http404
        allowed = self.has_change_permission(request, found) if found else self.has_add_permission(request)
        if not allowed:
            raise PermissionDenied
        form = self.get_form(request, found)(request.POST, instance=found)
        errors = [] if form.is_valid() else _errors(form)
        previews: list[Preview] = []
        if not errors:
            try:
                with PROBES:
                    previews = preview(self.mappings_of(form))
            except Busy as busy:
                errors = [str(busy)]
        context = {"previews": [_shown(one) for one in previews], "errors": errors}
        return TemplateResponse(request, "capacity/prometheus/preview_result.html", context)


def _errors(form: forms.ModelForm) -> list[str]:
    return [
        told(form.fields[name].label if name in form.fields else "", error)
        for name, texts in form.errors.items()
        for error in texts
    ]


def _shown(found: Preview) -> dict[str, Any]:
    return {
        "name": found.mapping.name,
        "reason": found.reason,
        "more": found.more,
        "unmatched": listed(found.unmatched),
        "lines": [
            {**line._asdict(), "instances": listed(line.instances), "size": size_cell(line.size)}
            for line in found.lines
        ],
    }


@admin.register(PrometheusSource)
class PrometheusSourceAdmin(Previewed):
    form = SourceForm
    fields = SourceForm.shown
    list_display = ["name", "url", "mapping_count", "active"]
    list_filter = ["is_active"]
    search_fields = ["name", "url"]
    none_yet = gettext_lazy("No Prometheus yet: add one, with the mappings of its exporters.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PrometheusSource]:
        return super().get_queryset(request).annotate(mapping_count=Count("mappings"))

    def get_fields(self, request: HttpRequest, obj: PrometheusSource | None = None) -> Any:
        fields = super().get_fields(request, obj)
        # Who may only look would be shown the stored secret.
        editable = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return fields if editable else [name for name in fields if name not in ("secret", "ready")]

    def mappings_of(self, form: Any) -> list[PrometheusMapping]:
        """The ready ones that are chosen, and those it has."""
        source: PrometheusSource = form.instance
        stored = list(source.mappings.all()) if source.pk else []
        for one in stored:
            one.source = source  # as the form says
        return [*mappings_of(source, form.cleaned_data["ready"]), *stored]

    def save_model(self, request: HttpRequest, obj: PrometheusSource, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if chosen := form.cleaned_data.get("ready"):
            count = len(add_ready(obj, chosen))
            text = ngettext("%(count)d mapping added.", "%(count)d mappings added.", count)
            self.message_user(request, text % {"count": count}, messages.SUCCESS)

    @admin.display(description=gettext_lazy("mappings"), ordering="mapping_count")
    def mapping_count(self, row: Any) -> int:
        return row.mapping_count

    @display(description=gettext_lazy("state"), ordering="is_active", label={True: "success", False: "default"})
    def active(self, row: Any) -> tuple[bool, str]:
        return row.is_active, _("Active") if row.is_active else _("Inactive")


@admin.register(PrometheusMapping)
class PrometheusMappingAdmin(Previewed):
    form = MappingForm
    fields = MappingForm.Meta.fields
    list_display = ["name", "source", "db_type", "kind", "short_query"]
    list_filter = ["source", "db_type", "kind"]
    list_select_related = ["source"]
    search_fields = ["name", "query"]
    none_yet = gettext_lazy("No mapping yet: add one, or choose ready ones in the form of a source.")

    def mappings_of(self, form: Any) -> list[PrometheusMapping]:
        return [form.instance]

    @admin.display(description=gettext_lazy("query"))
    def short_query(self, row: PrometheusMapping) -> str:
        return Truncator(row.query).chars(80)

"""The answer to "Test connection": a few words below the button, of what the form says at the moment."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin

from capacity.collection.connection_test import Probe, probe
from capacity.collection.sources import SOURCES
from capacity.models import DbType, Instance
from sync_sessions.common.words import told

from .forms import ConnectionForm


def test(model_admin: ModelAdmin, request: HttpRequest, object_id: str | None) -> HttpResponse:
    """Answers a POST of the form's fields, for those who may save it; saves nothing.

    A blank password stands for the stored one.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    instance: Instance | None = None
    if object_id is None:
        allowed = model_admin.has_add_permission(request)
    else:
        instance = model_admin.get_object(request, object_id)
        if instance is None:
            raise Http404
        allowed = model_admin.has_change_permission(request, instance)
    if not allowed:
        raise PermissionDenied
    form = ConnectionForm(request.POST, instance=instance)
    found: Probe | None = None
    if form.is_valid():
        found = probe(form.instance)
    errors = [told(form.fields[name].label, error) for name, texts in form.errors.items() for error in texts]
    return TemplateResponse(request, "capacity/instance/connection_result.html", {"found": found, "errors": errors})


def engines() -> list[dict[str, object]]:
    """What the form says of each engine: its usual port, and the statements that make a user for it."""
    return [
        {"db_type": db_type, "label": DbType(db_type).label, "port": source.default_port, "grants": source.grants}
        for db_type, source in SOURCES.items()
    ]


def button_attributes(instance: Instance | None) -> dict[str, str]:
    """The attributes of the button that tries the connection."""
    if instance:
        return posting_button(reverse("admin:capacity_instance_test_connection", args=[instance.pk]))
    return posting_button(reverse("admin:capacity_instance_test_new_connection"))


def posting_button(url: str) -> dict[str, str]:
    """The attributes of a button: htmx posts the form around it, with its CSRF token, and shows the answer below."""
    return {
        "type": "button",
        "hx-post": url,
        "hx-include": "#instance_form",
        "hx-target": "#connection-result",
        # Of the page to log in, to which an ended session is sent, nothing is put here.
        "hx-select": "#connection-answer",
        "hx-indicator": "#connection-wait",
        "hx-disabled-elt": "this",
    }

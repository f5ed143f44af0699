"""Instances from a CSV file: its lines are looked at first, then it is shown what changes, then it is written."""

from io import BytesIO
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from capacity.collection.instance_file import COLUMNS, InstancesRejected, Line, Plan, plan
from capacity.errors import InputError
from sync_sessions.common.admin.base import ModelAdmin

MAX_FILE = 1024 * 1024  #: bytes
SHOWN = 200  #: lines, and errors


class FileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=gettext_lazy(
            "CSV in UTF-8, at most 1 MiB. Instances are known by their names; a column that is not there leaves "
            "its field as it is, an empty cell empties it. Passwords are not taken from a file."
        ),
    )
    #: The same file, when it was shown what it changes.
    text = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        file = cleaned.get("file")
        if not file and not cleaned.get("text"):
            self.add_error("file", _("Choose a file."))
        elif file and file.size > MAX_FILE:
            self.add_error("file", _("The file is larger than 1 MiB: split it."))
        return cleaned

    def read(self) -> bytes:
        file = self.cleaned_data.get("file")
        return file.read() if file else self.cleaned_data["text"].encode()


class ImportsInstances(ModelAdmin):
    def has_import_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    @action(description=gettext_lazy("Import from CSV"), permissions=["import"], url_path="import")
    def import_file(self, request: HttpRequest) -> HttpResponse:
        """Writes when the POST has the text that was shown, and shows what would change otherwise."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = FileForm(request.POST or None, request.FILES or None)
        found: Plan | None = None
        context: dict[str, Any] = {}
        if request.method == "POST" and form.is_valid():
            content = form.read()
            try:
                found = plan(BytesIO(content), None)
            except InstancesRejected as rejected:
                context = {"reason": rejected, "errors": rejected.errors[:SHOWN], "more": len(rejected.errors) - SHOWN}
            except InputError as error:
                context = {"reason": error}
            if found and form.cleaned_data["text"]:
                found.apply(request.user)
                self.message_user(request, _numbers(found), messages.SUCCESS)
                return redirect("admin:capacity_instance_changelist")
            if found:
                context = {"text": content.decode().removeprefix("\ufeff"), "summary": _numbers(found)}
                context |= {"lines": list(map(_shown, found.lines[:SHOWN])), "more": len(found.lines) - SHOWN}
        context |= {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Import instances"),
            "form": form,
            "columns": ",".join(one for one in COLUMNS if one != "password_env"),
            "back": reverse("admin:capacity_instance_changelist"),
        }
        return TemplateResponse(request, "capacity/instance/import.html", context)


def _numbers(found: Plan) -> str:
    numbers = {"new": found.new, "changed": found.changed, "unchanged": found.unchanged}
    return _("New: %(new)d. Changed: %(changed)d. As they were: %(unchanged)d.") % numbers


def _shown(line: Line) -> dict[str, Any]:
    return {"name": line.instance.name, "is_new": line.is_new, "changes": line.changes}

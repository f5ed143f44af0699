"""A list as CSV, as it is filtered, searched and sorted. Its template has the button, which leads to `export_url`."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse

from capacity.insight import csv_export
from capacity.periods import today
from sync_sessions.common.admin.base import ModelAdmin
from sync_sessions.common.gates import Busy


class Exports(ModelAdmin):
    def get_urls(self) -> Any:
        export = path("export/", self.admin_site.admin_view(self.export), name=f"{self._name}_export")
        return [export, *super().get_urls()]

    @property
    def _name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        export = {"export_url": reverse(f"admin:{self._name}_export")}
        return super().changelist_view(request, {**export, **(extra_context or {})})

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """All rows that the list has with the same filters, search and order, as CSV, a block at a time."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        the_list = reverse(f"admin:{self._name}_changelist")
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return redirect(f"{the_list}?{ERROR_FLAG}=1")  # as the list does
        if self.left_out(changelist):
            return redirect(f"{the_list}?{request.GET.urlencode()}")  # which says so: nobody would see it in a file
        try:
            lines = csv_export.export(changelist.get_queryset(request))
        except Busy as busy:
            self.message_user(request, str(busy), messages.WARNING)
            answer = self.changelist_view(request)
            answer.status_code, answer["Retry-After"] = 429, str(busy.retry_after)
            return answer
        return StreamingHttpResponse(
            lines,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{self.opts.db_table}-{today()}.csv"'},
        )

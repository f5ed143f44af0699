"""The report of a month as a page of its own, which prints without the admin around it."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin

from capacity.errors import InputError
from capacity.insight.report import as_csv, as_html, make_report, month_of
from capacity.inventory.selection import Selection
from capacity.inventory.tags import all_tags
from capacity.periods import today
from sync_sessions.common.tags import asked_tags

from .addresses import query


def report(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """`month` (YYYY-MM, the last complete one without), `tag`; `format=csv` for the file.

    What is wrong in the address is said above the report of the fleet in the last month.
    """
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    day, tags = today(), asked_tags(request.GET)
    error = ""
    try:
        found = make_report(month_of(request.GET.get("month"), day), Selection.tagged(tags), day)
    except InputError as wrong:
        error, found = str(wrong), make_report(month_of(None, day), Selection(), day)
    month = f"{found.month.start:%Y-%m}"
    if request.GET.get("format") == "csv" and not error:
        answer = HttpResponse(as_csv(found), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="capacity-{month}.csv"'
        return answer
    bar = {
        "home": reverse("admin:index"),
        "tags": [tag.name for tag in all_tags()],
        "csv": f"?{query({'month': month, 'tag': found.tags, 'format': 'csv'})}",
        "error": error,
    }
    return HttpResponse(as_html(found, bar=bar))

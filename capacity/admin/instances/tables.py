"""The page of the largest tables of a database: the last snapshot, what they grew by, and a button for a new one."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from capacity.collection.tables import TableGrowth, TablesNotMeasured, growth, newest, take_snapshot
from capacity.models import DatabaseSizeStat, Instance
from capacity.units import format_bytes


def page(model_admin: ModelAdmin, request: HttpRequest, instance: Instance) -> HttpResponse:
    """GET shows the database that `database` names; POST measures it and comes back."""
    url = reverse("admin:capacity_instance_largest_tables", args=[instance.pk])
    database = (request.POST or request.GET).get("database", "")
    if request.method == "POST" and database:
        try:
            take_snapshot(instance, database, request.user)
        except TablesNotMeasured as error:
            model_admin.message_user(request, str(error), messages.ERROR)
        return redirect(f"{url}?{urlencode({'database': database})}")
    found = newest(instance, database) if database else []
    now, before = [*found, None, None][:2]
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Largest tables of %(name)s") % {"name": instance.name},
        "names": _names(instance),
        "database": database,
        "now": now,
        "before": before,
        "total": now and format_bytes(now.total_bytes),
        "rows": [_cells(row) for row in growth(now, before)] if now else [],
        "back": reverse("admin:capacity_instance_change", args=[instance.pk]),
    }
    return TemplateResponse(request, "capacity/instance/tables.html", context)


def _names(instance: Instance) -> list[str]:
    """The databases of its last day with samples."""
    samples = DatabaseSizeStat.objects.filter(instance=instance)
    last = samples.order_by("-collected_on").values_list("collected_on", flat=True)[:1]
    return sorted(set(samples.filter(collected_on__in=list(last)).values_list("database_name", flat=True)))


def _cells(row: TableGrowth) -> dict[str, Any]:
    others = _("the %(count)d others") % {"count": row.others}
    grew = "" if row.grew_bytes is None else format_bytes(row.grew_bytes, sign=True)
    return {"name": row.table or others, "size": format_bytes(row.size_bytes), "grew": grew}

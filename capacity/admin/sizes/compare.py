"""Several databases and instances in one chart. What is shown stands in the address, so it can be sent to others."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from capacity.insight.csv_export import cell
from capacity.insight.history import MOST_SERIES, STEPS, Asked, HistoryError, Line, steps_between, write_target
from capacity.insight.series import Target
from capacity.models import DatabaseState, Instance
from capacity.periods import PeriodType, today
from capacity.units import format_bytes, format_percent, percent

from .addresses import compare_query, database_url, query
from .chart import compare_chart, values

FOUND_SHOWN = 10


def compare(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """The page, or with `format=csv` what its chart shows. What is wrong in the address is said and left out."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    indexed = request.GET.get("index") == "1"
    try:
        asked = Asked.read(request.GET, request.GET.getlist("series"), today())
    except HistoryError as error:
        model_admin.message_user(request, str(error), messages.WARNING)
        asked = Asked.read({}, [], today())
    asked = asked.filled() if asked.lines else asked
    if request.GET.get("format") == "csv":
        return _csv(asked, indexed)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Compare"),
        "content_title": _("Compare"),
        "asked": asked,
        "indexed": indexed,
        "chart": compare_chart(asked, indexed=indexed),
        "lines": [_line(line) | {"without": _without(asked, line, indexed)} for line in asked.lines],
        "views": [
            {"label": label, "query": _address(asked, value), "chosen": value == indexed}
            for label, value in ((_("Sizes"), False), (_("Index, 100 at the start"), True))
        ],
        "steps": [(step, PeriodType(step).label) for step in STEPS],
        "csv_query": f"{_address(asked, indexed)}&format=csv",
        "most": MOST_SERIES,
        "found": _found(request.GET.get("q", "").replace("\x00", ""), asked, indexed),
        "q": request.GET.get("q", ""),
    }
    return TemplateResponse(request, "capacity/sizes/compare.html", context)


def compare_targets(model_admin: ModelAdmin, request: HttpRequest, targets: Sequence[Target]) -> HttpResponse | None:
    """To the page with these chosen in a list; None, with the reason, when they are too many."""
    if len(targets) > MOST_SERIES:
        text = _("Choose at most %(most)d to compare.") % {"most": MOST_SERIES}
        model_admin.message_user(request, text, messages.WARNING)
        return None
    return redirect(f"{reverse('admin:capacity_compare')}?{query({'series': [*map(write_target, targets)]})}")


def _address(asked: Asked, indexed: bool, series: Iterable[str] | None = None) -> str:
    return compare_query(asked, series, **({"index": 1} if indexed else {}))


def _without(asked: Asked, line: Line, indexed: bool) -> str:
    return _address(asked, indexed, [one.key for one in asked.lines if one != line])


def _line(line: Line) -> dict[str, Any]:
    shown: dict[str, Any] = {"label": line.label, "url": database_url(line.instance.pk, line.database_name)}
    if not line.points:
        return shown
    first, last = line.points[0], line.points[-1]
    return shown | {
        "first": format_bytes(first.size),
        "last": format_bytes(last.size),
        "change": format_bytes(last.size - first.size, sign=True),
        "percent": format_percent(percent(last.size - first.size, first.size)),
    }


def _found(text: str, asked: Asked, indexed: bool) -> list[dict[str, str]]:
    """Instances and databases with all of these words in their names, each with the address that adds it."""
    words = text.split()
    if not words or len(asked.lines) >= MOST_SERIES:
        return []
    instances: QuerySet[Any] = Instance.objects.order_by(Lower("name"), "name")
    databases: QuerySet[Any] = DatabaseState.objects.order_by(Lower("database_name"), Lower("instance__name"), "pk")
    for word in words:
        instances = instances.filter(name__icontains=word)
        databases = databases.filter(database_name__icontains=word) | databases.filter(instance__name__icontains=word)
    found = [((pk, ""), name) for pk, name in instances.values_list("pk", "name")[:FOUND_SHOWN]]
    names = databases.values_list("instance_id", "database_name", "instance__name")[:FOUND_SHOWN]
    found += [((pk, database), f"{name} {database}") for pk, database, name in names]
    there = [line.key for line in asked.lines]
    return [
        {"label": label, "query": _address(asked, indexed, [*there, write_target(target)])}
        for target, label in found
        if write_target(target) not in there
    ]


def _csv(asked: Asked, indexed: bool) -> HttpResponse:
    """A row per step and a column per series, in bytes or as an index; RFC 4180."""
    days = steps_between(asked.first, asked.last, asked.step)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["day", *(cell(line.label) for line in asked.lines)])
    columns = [values(line, days, indexed) for line in asked.lines]
    for number, day in enumerate(days):
        row = [column[number] for column in columns]
        writer.writerow([day, *("" if one is None else f"{one:.2f}" if indexed else int(one) for one in row)])
    answer = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="sizes-{asked.first}-{asked.last}.csv"'
    return answer

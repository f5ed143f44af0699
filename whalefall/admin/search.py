"""The search of the sidebar: pages, and instances, databases and tags by a part of their names."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from unfold.dataclasses import SearchResult

from capacity.models import DatabaseState, Instance, Tag
from whalefall.theme.unfold import navigation

SHOWN = 10  #: of each kind
LONGEST = 255


def search(request: HttpRequest) -> Any:
    return admin.site.admin_view(results)(request)


def results(request: HttpRequest) -> TemplateResponse:
    """What has `?s=` in its name, of what the user may see: at most SHOWN of a kind, first what begins with it."""
    term = request.GET.get("s", "").replace("\x00", "").strip()[:LONGEST]
    found = [*pages(request, term), *things(request, term)] if term else []
    return TemplateResponse(request, "unfold/helpers/search_results.html", {"results": found})


def pages(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    for section in navigation(request):
        for item in section["items"]:
            if term.casefold() in str(item["title"]).casefold():
                yield SearchResult(str(item["title"]), str(section["title"]) or _("Page"), item["link"], item["icon"])


def things(request: HttpRequest, term: str) -> Iterator[SearchResult]:
    """A query for each kind that the user may see."""

    def sees(model: type[Any]) -> bool:
        return bool(admin.site.get_model_admin(model).has_view_permission(request))

    if sees(Instance):
        for key, name in named(Instance.objects.all(), "name", term).values_list("pk", "name"):
            yield SearchResult(name, _("Instance"), reverse("admin:capacity_instance_change", args=[key]), "dns")
    if sees(DatabaseState):
        rows = named(DatabaseState.objects.all(), "database_name", term)
        for key, name, instance in rows.values_list("pk", "database_name", "instance__name"):
            link = reverse("admin:capacity_databasestate_change", args=[key])
            yield SearchResult(name, _("Database of %(instance)s") % {"instance": instance}, link, "storage")
    if sees(Tag):
        for name in named(Tag.objects.all(), "name", term).values_list("name", flat=True):
            link = f"{reverse('admin:capacity_instance_changelist')}?{urlencode({'tag': name})}"
            yield SearchResult(name, _("Tag"), link, "sell")


def named(rows: QuerySet[Any], column: str, term: str) -> QuerySet[Any]:
    begins = Case(When(**{f"{column}__istartswith": term}, then=Value(0)), default=Value(1))
    return rows.filter(**{f"{column}__icontains": term}).order_by(begins, column, "pk")[:SHOWN]

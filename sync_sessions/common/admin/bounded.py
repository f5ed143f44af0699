"""Lists over tables of millions of rows: they count no further than a bound, and say so."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from sync_sessions.admin import cells
from sync_sessions.common.api import pagination

from .base import NUL, ModelAdmin


class Pages(pagination.BoundedPaginator):
    template_name = "admin/sync_sessions/bounded_pagination.html"

    @property
    def more_than(self) -> str:
        """The number of rows at which counting stopped, "" if it did not."""
        return cells.whole(pagination.DEPTH) if self.count > pagination.DEPTH else ""


class Bounded(ModelAdmin):
    paginator = Pages
    show_full_result_count = False

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        context["show_history"] = False  # nobody changes what ingest, roll-up and runs write
        return super().render_change_form(request, context, *args, **kwargs)


def of_instances_named(rows: QuerySet[Any], search_term: str) -> QuerySet[Any]:
    """The rows (with an `instance`) of those whose name has all the words in it.

    Instances are few, and an index leads from them to their rows; the rows themselves would all have to be read.
    """
    instances: Any = rows.model._meta.get_field("instance").related_model
    named = instances._default_manager.all()
    for word in search_term.replace(NUL, "").split():
        named = named.filter(name__icontains=word)
    return rows.filter(instance__in=list(named.order_by().values_list("pk", flat=True)))

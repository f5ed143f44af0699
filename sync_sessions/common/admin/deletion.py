from typing import Any

from django.http import HttpRequest
from django.utils.text import capfirst

from sync_sessions.common.words import told

from .base import ModelAdmin


class CountedDeletion(ModelAdmin):
    """Before rows are deleted, what goes with them is counted. Django lists it: a line for each of thousands."""

    goes_with: tuple[str, ...] = ()  #: names of the relations whose rows go, too

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        rows = list(objs)
        counts = {self.opts.verbose_name_plural: len(rows)}
        for name in self.goes_with:
            relation: Any = self.opts.get_field(name)
            gone = relation.related_model.objects.filter(**{f"{relation.field.name}__in": rows})
            counts[relation.related_model._meta.verbose_name_plural] = gone.count()
        label = capfirst(str(self.opts.verbose_name))
        return [told(label, one) for one in rows], counts, set(), []

"""The filter by tag: how it is read from an address, and which rows it leaves; the one answer for every door.

The run log knows instances by their relation alone, so their model comes from that of the rows.
"""

from collections.abc import Collection
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from .words import any_of

Rows = TypeVar("Rows", bound=QuerySet[Any])

PARAMETER = "tag"  #: it may be there more than once: any of them


def asked_tags(query: QueryDict) -> list[str]:
    """The names of tags in a page's address, each once; what can be no name is left out."""
    return [name for name in dict.fromkeys(query.getlist(PARAMETER)) if name and "\x00" not in name]


def unknown_tags_text(names: Collection[str]) -> str:
    """Of an old link to a tag that was renamed: else what it shows would be that of a fleet without samples."""
    return _("No instance has the tag %(names)s.") % {"names": any_of(sorted(names))}


def instances_of(model: type[Model]) -> Any:
    """The model of the instances, to which the tags belong: itself, that of its instance, or of its records'."""
    if hasattr(model, "tags"):
        return model
    names = {field.name for field in model._meta.get_fields()}
    return instances_of(model._meta.get_field("instance" if "instance" in names else "records").related_model)  # type: ignore[arg-type]


def of_tagged(rows: Rows, names: Collection[str], *, few_queries: bool = False) -> Rows:
    """The rows whose instance has one of these tags, of sessions those with a record of such an instance; of no names
    all.

    One query at once; none for instances themselves, nor where `few_queries` are wanted.
    """
    instances = instances_of(rows.model)
    if not names:
        return rows
    tagged = instances._default_manager.tagged(names).order_by().values_list("pk", flat=True)
    if rows.model is instances:
        return rows.filter(pk__in=tagged)
    # Keys, and not a part of the query: of a long table the database then knows how many instances there are, and
    # takes the index that fits.
    keys = tagged if few_queries else list(tagged)
    if any(field.name == "instance" for field in rows.model._meta.get_fields()):
        return rows.filter(instance__in=keys)
    records = rows.model._meta.get_field("records").related_model
    return rows.filter(pk__in=records._default_manager.filter(instance__in=keys).values("session"))

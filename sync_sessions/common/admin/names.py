"""Names in the order in which people look for them: without regard to case."""

from typing import Any

from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, ForeignKey, Model
from django.db.models.functions import Lower


def without_case(model: type[Model], term: Any) -> list[Any]:
    """What stands for a term of an order of that model's rows.

    A name goes by its small letters, and what another row is named by by that row's own order. The rest stays: codes
    with a fixed choice, numbers, annotations, expressions.
    """
    if not isinstance(term, str):
        return [term]
    descending, path = term.startswith("-"), term.removeprefix("-")
    try:
        field: Any = get_fields_from_path(model, path)[-1]
    except FieldDoesNotExist:
        return [term]
    if isinstance(field, ForeignKey) and path.endswith(field.name):
        other: Any = field.related_model
        named = [f"{path}__{name}" for name in other._meta.ordering if isinstance(name, str) and name[0] != "-"]
        return [found for name in named for found in without_case(model, ("-" if descending else "") + name)] or [term]
    if isinstance(field, CharField) and not field.choices:
        return [Lower(path).desc() if descending else Lower(path).asc()]
    return [term]

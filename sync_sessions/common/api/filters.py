from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import django_filters
from django import forms
from django.db.models import F
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter

from sync_sessions.common.tags import instances_of, of_tagged
from sync_sessions.common.words import listed

MAX_NAME = 255
MAX_DIGITS = 18  #: of an id


class StrictOrdering(OrderingFilter):
    """`ordering` by the fields that a view names in `ordering_fields`; another one is a 400, not the default order.

    `ordering_fields` may be a mapping {name: column}, or to a function that gives the terms of an order by whether it
    is descending. Nulls come last. A key is added, `id` if the view has no
    `ordering_key` of its own, so that no row stands on two pages.
    """

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> Any:
        asked = request.query_params.get(self.ordering_param, "")
        fields = _columns(view)
        names = [name.strip() for name in asked.split(",") if name.strip()]
        if not names or not fields:
            return self.get_default_ordering(view)
        terms = []
        for name in names:
            if name.removeprefix("-") not in fields:
                text = _("%(name)s is no field to order by; there are: %(known)s.")
                raise ValidationError(
                    {self.ordering_param: [text % {"name": repr(name), "known": ", ".join(fields)}]},
                    code="invalid_ordering",
                )
            terms += _terms(queryset.model, fields[name.removeprefix("-")], name.startswith("-"))
        sign = "-" if names[-1].startswith("-") else ""
        return [*terms, *(f"{sign}{column}" for column in getattr(view, "ordering_key", ("id",)))]

    def get_schema_operation_parameters(self, view: Any) -> Any:
        fields = _columns(view)
        if not fields or view.action not in view.list_actions:
            return []
        [parameter] = super().get_schema_operation_parameters(view)
        one = f"-?({'|'.join(fields)})"
        text = f"Fields separated by commas, a minus before one for descending: {', '.join(fields)}."
        return [{**parameter, "description": text, "schema": {"type": "string", "pattern": f"^({one}(,{one})*)?$"}}]


def _columns(view: Any) -> Mapping[str, Any]:
    fields = getattr(view, "ordering_fields", None) or ()
    return fields if isinstance(fields, Mapping) else {name: name for name in fields}


def _terms(model: Any, column: str | Callable[[bool], list[Any]], descending: bool) -> list[Any]:
    return [_term(model, column, descending)] if isinstance(column, str) else column(descending)


def _term(model: Any, column: str, descending: bool) -> Any:
    if not model._meta.get_field(column).null:
        # Without NULLS LAST, which an index does not serve.
        return f"-{column}" if descending else column
    return F(column).desc(nulls_last=True) if descending else F(column).asc(nulls_last=True)


class NamesField(forms.Field):
    widget = forms.SelectMultiple  # as above

    def clean(self, value: Any) -> list[str]:
        for text in value or []:
            if not 0 < len(text) <= MAX_NAME or "\x00" in text:
                raise forms.ValidationError(_("%(value)r is no name.") % {"value": text[:40]}, "invalid")
        return list(value or [])


class InstancesField(NamesField):
    """Keys of instances. What is a whole number is a key, there or not; all else is the name of one that is there."""

    instances: Any  #: their model

    def clean(self, value: Any) -> Any:
        texts = super().clean(value)
        ids = [int(text) for text in texts if _is_id(text)]
        names = dict.fromkeys(text for text in texts if not _is_id(text))
        if not names:
            return ids
        known = dict(self.instances._default_manager.filter(name__in=names).values_list("name", "pk"))
        if unknown := [name for name in names if name not in known]:
            text = _("There is no instance named %(names)s.") % {"names": listed(unknown)}
            raise forms.ValidationError(text, "unknown_instance")
        return [*ids, *known.values()]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


class DayField(forms.Field):
    def clean(self, value: Any) -> date | None:
        try:
            return None if value is None else datetime.strptime(value, "%Y-%m-%d").date()
        except ValueError:
            raise forms.ValidationError(_("Give a day such as 2025-01-31."), "invalid") from None


class MomentField(forms.Field):
    def clean(self, value: Any) -> datetime | None:
        if value is None:
            return None
        try:
            # A + that was not escaped comes as a blank.
            moment = datetime.fromisoformat(value.replace(" ", "+"))
        except ValueError:
            moment = None
        # At the ends of the calendar another zone has no such time.
        if moment is None or moment.utcoffset() is None or not 2 <= moment.year <= 9998:
            text = _("Give a time with its offset, such as 2025-01-31T03:00:00Z.")
            raise forms.ValidationError(text, "invalid")
        return moment.astimezone(UTC)  # PostgreSQL knows no offset beyond 15:59


class Repeatable:
    """A filter whose parameter may be there more than once: any of its values."""


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 10**MAX_DIGITS - 1},
                {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
            ]
        },
        "description": (
            "ids or names of instances; the parameter may be there more than once. A whole number is an id, even "
            "where an instance has it for a name, and one that is not there finds nothing; a name that is not there "
            "is a 400 `unknown_instance`."
        ),
    }
)
class InstancesFilter(Repeatable, django_filters.Filter):
    """Rows of any of some instances."""

    field_class = InstancesField

    def __init__(self, field_name: str = "instance", **options: Any) -> None:
        super().__init__(field_name, "in", **options)

    @property
    def field(self) -> Any:
        found = super().field
        found.instances = instances_of(self.model)
        return found

    def filter(self, qs: Any, value: Any) -> Any:
        return super().filter(qs, value) if value else qs


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
        "description": (
            "names of tags: rows whose instance has any of them, not only those that have all; the parameter may be "
            "there more than once. A tag that no instance has finds nothing and is no error"
        ),
    }
)
class TagFilter(Repeatable, django_filters.Filter):
    """Rows whose instance has one of some tags; sessions with a record of one."""

    field_class = NamesField

    def filter(self, qs: Any, value: Any) -> Any:
        return of_tagged(qs, value or ())


class DayFilter(django_filters.DateFilter):
    field_class = DayField


@extend_schema_field({"type": "string", "format": "date-time"})
class MomentFilter(django_filters.Filter):
    field_class = MomentField


@extend_schema_field({"type": "boolean"})
class FlagFilter(django_filters.TypedChoiceFilter):
    """true or false; Django's own takes anything else for "not asked"."""

    def __init__(self, *args: Any, **options: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(*args, choices=choices, coerce=lambda text: text == "true", **options)


class AnyOfFilter(Repeatable, django_filters.MultipleChoiceFilter):
    """Any of some words; the parameter may be there more than once."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, distinct=False, **options)

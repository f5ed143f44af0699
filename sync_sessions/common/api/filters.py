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

from sync_sessions.common.tags import of_tagged

MAX_NAME = 255


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


class IdsField(forms.Field):
    widget = forms.SelectMultiple  # the one that reads a parameter as often as it is there

    def clean(self, value: Any) -> list[int]:
        texts = value or []
        for text in texts:
            if not text.isascii() or not text.isdigit() or len(text) > 18:
                raise forms.ValidationError(
                    _("%(value)r is no id: give whole numbers.") % {"value": text[:40]}, "invalid"
                )
        return [int(text) for text in texts]


class NamesField(forms.Field):
    widget = forms.SelectMultiple  # as above

    def clean(self, value: Any) -> list[str]:
        for text in value or []:
            if not 0 < len(text) <= MAX_NAME or "\x00" in text:
                raise forms.ValidationError(_("%(value)r is no name.") % {"value": text[:40]}, "invalid")
        return list(value or [])


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
        "items": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
        "description": "ids; the parameter may be there more than once",
    }
)
class IdsFilter(Repeatable, django_filters.Filter):
    """Any of some keys; the parameter may be there more than once."""

    field_class = IdsField

    def __init__(self, field_name: str, **options: Any) -> None:
        super().__init__(field_name, "in", **options)

    def filter(self, qs: Any, value: Any) -> Any:
        return super().filter(qs, value) if value else qs


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
        "description": "names of tags: rows whose instance has one of them; the parameter may be there more than once",
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

"""Filters that several lists have."""

from typing import Any

import django_filters
from django import forms
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field

from capacity.inventory.tags import tagged
from sync_sessions.common.api.filters import Repeatable

MAX_NAME = 255


class NamesField(forms.Field):
    widget = forms.SelectMultiple  # the one that reads a parameter as often as it is there

    def clean(self, value: Any) -> list[str]:
        for text in value or []:
            if not 0 < len(text) <= MAX_NAME or "\x00" in text:
                raise forms.ValidationError(_("%(value)r is no name.") % {"value": text[:40]}, "invalid")
        return list(value or [])


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
        "description": "names of tags: rows whose instance has one of them; the parameter may be there more than once",
    }
)
class TagFilter(Repeatable, django_filters.Filter):
    """Rows whose instance has one of some tags. `field_name`: where the key of the instance is."""

    field_class = NamesField

    def filter(self, qs: Any, value: Any) -> Any:
        # Keys and not a join: the database then knows how many instances there are, and takes the index that fits.
        return qs.filter(**{f"{self.field_name}__in": list(tagged(value))}) if value else qs

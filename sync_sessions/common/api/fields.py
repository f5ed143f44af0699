"""Fields that take a JSON value for what it is: DRF's own take "12" for a number, 5 for a text and "yes" for true."""

from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from rest_framework import serializers


class TextField(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumberField(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        # bool is an int to Python.
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class FlagField(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


#: For a ModelSerializer's `serializer_field_mapping`.
STRICT_FIELDS = {
    **serializers.ModelSerializer.serializer_field_mapping,
    models.CharField: TextField,
    models.TextField: TextField,
    models.PositiveIntegerField: WholeNumberField,
    models.BooleanField: FlagField,
}


class StrictFields(serializers.Serializer[Any]):
    """Refuses fields that it does not have: a misspelt "scop" must not run the whole fleet."""

    def to_internal_value(self, data: Any) -> Any:
        known = [name for name, field in self.fields.items() if not field.read_only]
        if isinstance(data, dict) and (unknown := sorted(map(str, set(data) - set(known)))):
            text = _("There is no such field; there are: %(known)s.") % {"known": ", ".join(known)}
            if not known:
                text = _("This call takes no fields.")
            raise serializers.ValidationError({name: [text] for name in unknown}, code="unknown_field")
        return super().to_internal_value(data)


class NoFields(StrictFields):
    """The body of a POST that takes nothing: empty, or {}."""

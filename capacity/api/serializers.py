from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from capacity.aggregation.scopes import parse_scope
from capacity.errors import ScopeError
from sync_sessions.choices import Scope


class TextField(serializers.CharField):
    """Text and nothing else: DRF's own takes a number for text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": ["string", "null"], "enum": [*Scope.values, None]})
class ScopeField(serializers.Field[str, Any, str, Any]):
    def to_internal_value(self, data: Any) -> str:
        try:
            return parse_scope(data)
        except ScopeError as error:
            raise serializers.ValidationError(str(error), code=error.code) from None

    def to_representation(self, value: str) -> str:
        return value

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        # null means all, like a missing scope
        return (False, data) if data is None else super().validate_empty_values(data)


class CurrentAggregationSerializer(serializers.Serializer[Any]):
    """`{scope?, period_type?}`: the scope of the run; whatever period is asked for, the current day is run."""

    scope = ScopeField(required=False)
    period_type = TextField(required=False, allow_null=True, allow_blank=True, max_length=64)

    def to_internal_value(self, data: Any) -> Any:
        # A misspelt "scop" must not run the whole fleet.
        if isinstance(data, dict) and (unknown := sorted(map(str, set(data) - set(self.fields)))):
            text = _("There is no such field; there are: %(known)s.") % {"known": ", ".join(self.fields)}
            raise serializers.ValidationError({name: [text] for name in unknown}, code="unknown_field")
        return super().to_internal_value(data)

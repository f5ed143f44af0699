"""Fields of request bodies about runs and instances."""

import re
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from capacity.aggregation.arguments import parse_scope
from capacity.collection.validation import normal_name
from capacity.errors import InputError
from capacity.models import Instance, Tag
from capacity.periods import PERIODS, parse_periods
from sync_sessions.choices import Scope

MAX_INSTANCES = 1000  #: that one request names
MAX_TAGS = 50  #: of an instance, and of a request


@extend_schema_field(
    {
        "type": ["string", "null"],
        "pattern": f"^({'|'.join(Scope.values)})?$",
        "description": "Which levels; none is all, case and blanks do not matter.",
    }
)
class ScopeField(serializers.Field[str, Any, str, Any]):
    def to_internal_value(self, data: Any) -> str:
        try:
            return parse_scope(data)
        except InputError as error:
            raise serializers.ValidationError(str(error), code=error.code) from None

    def to_representation(self, value: str) -> str:
        return value

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        # null means all, like a missing scope
        return (False, data) if data is None else super().validate_empty_values(data)


@extend_schema_field({"type": ["array", "null"], "items": {"type": "string", "enum": [*PERIODS]}})
class PeriodsField(serializers.Field[Any, Any, Any, Any]):
    """Period types; none at all are all. Gives their entries of PERIOD_CONFIG."""

    def to_internal_value(self, data: Any) -> Any:
        if data is not None and not isinstance(data, list):
            raise serializers.ValidationError(_("Give a list of period types."), code="not_a_list")
        try:
            return parse_periods(data)
        except InputError as error:
            raise serializers.ValidationError(str(error), code=error.code) from None

    def to_representation(self, value: Any) -> Any:
        return [config.key for config in value]

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return (False, data) if data is None else super().validate_empty_values(data)


INSTANCE_SCHEMA = {
    "oneOf": [
        {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
        {"type": "string", "minLength": 1, "maxLength": 255},
    ],
    "description": "The id or the name of an instance.",
}


@extend_schema_field({"type": "array", "items": INSTANCE_SCHEMA, "minItems": 1, "maxItems": MAX_INSTANCES})
class InstancesField(serializers.Field[Any, Any, Any, Any]):
    """Active instances by id or name. Gives them in key order; two queries."""

    def to_internal_value(self, data: Any) -> list[Instance]:
        if not isinstance(data, list) or not 1 <= len(data) <= MAX_INSTANCES:
            text = _("Give a list of 1 to %(most)d ids or names; leave it out for all active instances.")
            raise serializers.ValidationError(text % {"most": MAX_INSTANCES}, code="not_a_list")
        by_key = find_instances(data)
        unknown = [one for one in data if not is_key(one) or one not in by_key]
        if unknown:
            text = _("There is no instance %(names)s.")
            raise serializers.ValidationError(text % {"names": listed(unknown)}, code="unknown_instance")
        found = {by_key[one].pk: by_key[one] for one in data}
        inactive = [one.name for one in found.values() if not one.is_active]
        if inactive:
            text = _("Inactive: %(names)s. Activate them, or leave them out.")
            raise serializers.ValidationError(text % {"names": listed(inactive)}, code="instance_inactive")
        return [found[pk] for pk in sorted(found)]

    def to_representation(self, value: Any) -> Any:
        return [one.pk for one in value]


class TagField(serializers.SlugRelatedField[Tag]):
    """A tag by its name."""

    default_error_messages = {"does_not_exist": gettext_lazy("There is no tag {value}: create it first.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(slug_field="name", queryset=Tag.objects.all(), **options)

    def to_internal_value(self, data: Any) -> Tag:
        if not isinstance(data, str) or not is_key(data):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 60}})
class TagsField(serializers.ManyRelatedField):
    """Some tags by their names, each once and in that order."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child_relation=TagField(), **options)

    def to_internal_value(self, data: Any) -> list[Tag]:
        if not isinstance(data, list) or len(data) > MAX_TAGS:
            text = _("Give a list of at most %(most)d names of tags.")
            raise serializers.ValidationError(text % {"most": MAX_TAGS}, code="not_a_list")
        return sorted(set(super().to_internal_value(data)), key=lambda tag: tag.name)


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # no database keeps NUL and lone surrogates


def is_key(value: Any) -> bool:
    """Whether a JSON value can be the id or the name of an instance."""
    if isinstance(value, str):
        return not _UNSTORABLE.search(value)
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


def find_instances(keys: list[Any]) -> dict[int | str, Instance]:
    """The instances by each id and name in `keys`; what is no key is passed over. Two queries at most."""
    ids = {one for one in keys if isinstance(one, int) and is_key(one)}
    names = {one for one in keys if isinstance(one, str) and is_key(one)}
    found: dict[int | str, Instance] = {}
    if ids:
        found |= {one.pk: one for one in Instance.objects.filter(pk__in=ids)}
    if names:
        by_name = {
            one.name: one for one in Instance.objects.filter(name__in=names | {normal_name(name) for name in names})
        }
        pairs = ((name, by_name.get(name) or by_name.get(normal_name(name))) for name in names)
        found |= {name: one for name, one in pairs if one}
    return found


def listed(values: list[Any]) -> str:
    """The first ones as they were given, to stand in a sentence."""
    shown = ", ".join(repr(one)[:80] for one in values[:10])
    return shown if len(values) <= 10 else f"{shown}, …"

"""Limits, forecasts and events as JSON: sizes are whole bytes, percentages numbers."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from capacity.api.fields import INSTANCE_SCHEMA, find_instances, is_key
from capacity.api.rows.serializers import PeriodRowSerializer, RowInstanceSerializer
from capacity.collection.validation import normal_name
from capacity.insight.forecast import HORIZONS
from capacity.insight.wording import event_sentence, forecast_sentence, jump_sentences
from capacity.inventory.limits import check_target
from capacity.models import CapacityEvent, CapacityLimit, Forecast, Instance
from sync_sessions.common.api.fields import STRICT_FIELDS, StrictFields, WholeNumberField

RANGES = [f"{name}_{days}_bytes" for days in HORIZONS for name in ("size", "low", "high")]
SCORES = [f"error_{days}_percent" for days in HORIZONS]
#: What stands beside a database or an instance in lists; the forecast's own list has more.
BRIEF = [
    "state",
    "confidence",
    "made_on",
    "level_bytes",
    "weekly_bytes",
    "limit_bytes",
    "shared_key",
    "expected_on",
    "earliest_on",
    "latest_on",
]


class BriefForecastSerializer(PeriodRowSerializer):
    """Where it goes. `weekly_bytes`: the growth of a week; dates: when the limit is reached."""

    instance = None  # type: ignore[assignment]  # stands within it
    sentence = serializers.SerializerMethodField(help_text="The same in words, in the language that is asked for.")

    class Meta:
        model = Forecast
        fields = [*BRIEF, "sentence"]
        read_only_fields = fields

    def get_sentence(self, row: Forecast) -> str:
        return forecast_sentence(row)


class ForecastSerializer(BriefForecastSerializer):
    """A forecast of a database, an instance, a volume or the fleet, and how far it was off when its days came."""

    instance = RowInstanceSerializer(allow_null=True)  # type: ignore[assignment]
    jump_sentences = serializers.SerializerMethodField(help_text="What was taken out of the growth, in words.")

    class Meta:
        model = Forecast
        fields = [
            "id",
            "level",
            "instance",
            "database_name",
            *BRIEF,
            "spread_bytes",
            "headroom_bytes",
            "days_covered",
            *RANGES,
            "jumps",
            *SCORES,
            "is_newest",
            "calculated_at",
            "sentence",
            "jump_sentences",
        ]
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_jump_sentences(self, row: Forecast) -> list[str]:
        return jump_sentences(row)


class EventSerializer(serializers.ModelSerializer[CapacityEvent]):
    """What happened to a database on a day, or to an instance (no database name)."""

    instance = RowInstanceSerializer()  # type: ignore[assignment]  # a field of the answer
    change_bytes = serializers.IntegerField()
    sentence = serializers.SerializerMethodField(help_text="The same in words, in the language that is asked for.")

    class Meta:
        model = CapacityEvent
        fields = [
            "id",
            "day",
            "kind",
            "instance",
            "database_name",
            "before_bytes",
            "after_bytes",
            "change_bytes",
            "usual_bytes",
            "details",
            "sentence",
        ]
        read_only_fields = fields

    def get_sentence(self, row: CapacityEvent) -> str:
        return event_sentence(row)


@extend_schema_field({"oneOf": [INSTANCE_SCHEMA, {"type": "object"}]})
class InstanceField(serializers.Field[Any, Any, Any, Any]):
    """One instance by id or name; in answers with both."""

    def to_internal_value(self, data: Any) -> Instance:
        found = find_instances([data]).get(data) if is_key(data) else None
        if found is None:
            text = _("There is no such instance: create it first.")
            raise serializers.ValidationError(text, code="unknown_instance")
        return found

    def to_representation(self, value: Instance) -> Any:
        return RowInstanceSerializer(value).data


class LimitSerializer(StrictFields, serializers.ModelSerializer[CapacityLimit]):
    """How large a database may become, or a whole instance (no database name). What people enter is `manual`."""

    serializer_field_mapping = STRICT_FIELDS
    instance = InstanceField()
    limit_bytes = WholeNumberField(min_value=1, max_value=2**63 - 1)
    updated_by = serializers.SlugRelatedField("username", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = CapacityLimit
        fields = [
            "id",
            "instance",
            "database_name",
            "limit_bytes",
            "source",
            "shared_key",
            "note",
            "updated_by",
            "updated_at",
        ]
        read_only_fields = ["source", "updated_at"]
        extra_kwargs = {"note": {"max_length": 10_000}, "database_name": {"trim_whitespace": False}}
        validators: list[Any] = []  # the pair is looked at below, with a sentence

    def validate_database_name(self, name: str) -> str:
        return normal_name(name)

    def validate(self, attrs: Any) -> Any:
        stored: Any = self.instance
        instance = attrs.get("instance", stored and stored.instance)
        database = attrs.get("database_name", stored.database_name if stored else "")
        check_target(instance, database, other_than=stored and stored.pk)
        return attrs

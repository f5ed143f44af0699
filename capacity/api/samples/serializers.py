"""Samples in the schema and in lists. What is pushed is checked by ingest, as at every other door."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from capacity.api.fields import INSTANCE_SCHEMA
from capacity.collection.validation import MAX_BYTES
from capacity.models import DatabaseSizeStat


class SampleSerializer(serializers.ModelSerializer[DatabaseSizeStat]):
    instance_name = serializers.CharField(source="instance.name")

    class Meta:
        model = DatabaseSizeStat
        fields = [
            "id",
            "instance",
            "instance_name",
            "database_name",
            "collected_at",
            "collected_on",
            "size_bytes",
            "data_size_bytes",
            "log_size_bytes",
        ]
        read_only_fields = fields


@extend_schema_field(INSTANCE_SCHEMA)
class InstanceKey(serializers.JSONField):
    pass


class PushedSampleSerializer(serializers.Serializer[Any]):
    """One sample, for the schema."""

    instance = InstanceKey()
    database_name = serializers.CharField(max_length=255)
    collected_at = serializers.DateTimeField(help_text="With an offset, at most 5 minutes in the future.")
    size_bytes = serializers.IntegerField(min_value=0, max_value=MAX_BYTES)
    data_size_bytes = serializers.IntegerField(min_value=0, max_value=MAX_BYTES, required=False, allow_null=True)
    log_size_bytes = serializers.IntegerField(min_value=0, max_value=MAX_BYTES, required=False, allow_null=True)


class SampleBatchSerializer(serializers.Serializer[Any]):
    samples = PushedSampleSerializer(many=True)


class IngestResultSerializer(serializers.Serializer[Any]):
    """What became of a batch."""

    received = serializers.IntegerField(min_value=0)
    created = serializers.IntegerField(min_value=0)
    updated = serializers.IntegerField(min_value=0, help_text="Samples that were there already.")
    days = serializers.IntegerField(min_value=0, help_text="Day totals derived anew.")

"""Period rows as JSON: sizes are whole bytes, percentages and averages numbers that a chart takes as they are."""

from typing import Any

from django.db import models
from rest_framework import serializers

from capacity.insight.summary import RANKED_BY
from capacity.models import DatabaseSizeAggregation, Instance, InstanceSizeAggregation, TrendDirection
from capacity.periods import PeriodType


class RowInstanceSerializer(serializers.ModelSerializer[Instance]):
    class Meta:
        model = Instance
        fields = ["id", "name", "db_type"]
        read_only_fields = fields


class PeriodRowSerializer(serializers.ModelSerializer[Any]):
    instance = RowInstanceSerializer()

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        if isinstance(model_field, models.DecimalField):
            # DRF writes decimals as texts, which no chart draws; two decimals are exact up to 10^13 percent.
            return serializers.FloatField, {"read_only": True, "allow_null": model_field.null}
        return super().build_standard_field(field_name, model_field)


class DatabaseRowSerializer(PeriodRowSerializer):
    class Meta:
        model = DatabaseSizeAggregation
        fields = [
            "id",
            "instance",
            "database_name",
            "period_type",
            "period_start",
            "period_end",
            "sample_count",
            "covered_days",
            "avg_size_bytes",
            "min_size_bytes",
            "max_size_bytes",
            "avg_data_size_bytes",
            "min_data_size_bytes",
            "max_data_size_bytes",
            "avg_log_size_bytes",
            "min_log_size_bytes",
            "max_log_size_bytes",
            "size_change_bytes",
            "size_change_percent",
            "data_size_change_bytes",
            "data_size_change_percent",
            "log_size_change_bytes",
            "log_size_change_percent",
            "calculated_at",
            "created_at",
        ]
        read_only_fields = fields


class InstanceRowSerializer(PeriodRowSerializer):
    class Meta:
        model = InstanceSizeAggregation
        fields = [
            "id",
            "instance",
            "period_type",
            "period_start",
            "period_end",
            "sample_count",
            "covered_days",
            "avg_total_size_bytes",
            "min_total_size_bytes",
            "max_total_size_bytes",
            "avg_database_count",
            "min_database_count",
            "max_database_count",
            "total_size_change_bytes",
            "total_size_change_percent",
            "database_count_change",
            "database_count_change_percent",
            "trend_direction",
            "calculated_at",
            "created_at",
        ]
        read_only_fields = fields


class PeriodSerializer(serializers.Serializer[Any]):
    """Which period it is about; its days are null when there is none with rows."""

    period_type = serializers.ChoiceField(choices=PeriodType.choices)
    period_start = serializers.DateField(allow_null=True)
    period_end = serializers.DateField(allow_null=True)


class TrendCountsSerializer(serializers.Serializer[Any]):
    """Rows that changed by more than 5 percent, by less, and those without a previous period."""

    def get_fields(self) -> Any:
        return {name: serializers.IntegerField(min_value=0) for name in TrendDirection.values}


class SummarySerializer(PeriodSerializer):
    row_count = serializers.IntegerField(min_value=0)
    instance_count = serializers.IntegerField(min_value=0)
    fully_covered_count = serializers.IntegerField(
        min_value=0, help_text="Rows with samples of every day of the period."
    )
    total_size_bytes = serializers.IntegerField(help_text="The average sizes of all rows, added up.")
    avg_size_bytes = serializers.IntegerField(allow_null=True, help_text="Of a row.")
    max_size_bytes = serializers.IntegerField(allow_null=True, help_text="The largest size that any row knows of.")
    compared_count = serializers.IntegerField(min_value=0, help_text="Rows that have a previous period.")
    size_change_bytes = serializers.IntegerField(allow_null=True, help_text="Of the compared rows alone.")
    size_change_percent = serializers.FloatField(allow_null=True, help_text="Of the compared rows alone.")
    trends = TrendCountsSerializer()


class TopSerializer(PeriodSerializer):
    by = serializers.ChoiceField(choices=RANKED_BY)


class TopDatabasesSerializer(TopSerializer):
    results = DatabaseRowSerializer(many=True)


class TopInstancesSerializer(TopSerializer):
    results = InstanceRowSerializer(many=True)

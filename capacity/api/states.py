"""How databases and instances are now: what lists of both show and are ordered by."""

from collections.abc import Callable
from functools import partial
from typing import Any

from rest_framework import serializers

from capacity.api.insight.serializers import BriefForecastSerializer
from capacity.api.rows.serializers import PeriodRowSerializer
from capacity.insight.outlook import Level, Usage
from capacity.models import DatabaseState, InstanceState, LimitSource
from capacity.models.present import CHANGES, last_when_null

FIGURES = ["first_day", "last_day", "last_sample_at", "last_size_bytes", *CHANGES]


def orderings(level: Level, prefix: str = "") -> dict[str, Callable[[bool], list[Any]]]:
    """The ways to order by a state that stands at `prefix`: {name: terms by whether it is descending}."""
    columns = {"size": "last_size_bytes", "growth": "month_change_bytes", **{name: name for name in CHANGES}}
    return {
        **{name: partial(_terms, prefix + column) for name, column in columns.items()},
        "used_percent": partial(_nulls_last, level.used_share()),
        "days_until_full": partial(_nulls_last, level.full_on()),
    }


def _nulls_last(expression: Any, descending: bool) -> list[Any]:
    return [expression.desc(nulls_last=True) if descending else expression.asc(nulls_last=True)]


def _terms(column: str, descending: bool) -> list[Any]:
    if column == "last_size_bytes":  # a database has one: its index serves both ways
        return ["-last_size_bytes" if descending else column]
    return list(last_when_null(column, descending=descending))


class InstanceStateSerializer(PeriodRowSerializer):
    instance = None  # type: ignore[assignment]  # stands within it

    class Meta:
        model = InstanceState
        fields = [*FIGURES, "last_database_count"]
        read_only_fields = fields


class LimitUseSerializer(serializers.Serializer[Any]):
    """How much of the limit that counts is used; of a volume by all that share it."""

    limit_bytes = serializers.IntegerField()
    source = serializers.ChoiceField(choices=LimitSource.choices, source="limit.source")  # type: ignore[assignment]
    shared_key = serializers.CharField(source="limit.shared_key", help_text="The volume; blank: none is shared.")
    used_bytes = serializers.IntegerField()
    used_percent = serializers.FloatField(source="percent")
    database_count = serializers.IntegerField(source="databases", help_text="How many databases that is.")
    sentence = serializers.SerializerMethodField(help_text="The same in words, in the language that is asked for.")

    def get_sentence(self, usage: Usage) -> str:
        return usage.sentence()


class DatabaseStateSerializer(PeriodRowSerializer):
    """`limit` and `forecast` are null as long as there is none."""

    limit = LimitUseSerializer(source="outlook.usage", allow_null=True)
    forecast = BriefForecastSerializer(source="outlook.forecast", allow_null=True)

    class Meta:
        model = DatabaseState
        fields = ["id", "instance", "database_name", *FIGURES, "limit", "forecast"]
        read_only_fields = fields

"""How databases and instances are now: what lists of both show and are ordered by."""

from collections.abc import Callable
from functools import partial
from typing import Any

from capacity.api.rows.serializers import PeriodRowSerializer
from capacity.models import DatabaseState, InstanceState
from capacity.models.present import CHANGES, last_when_null

FIGURES = ["first_day", "last_day", "last_sample_at", "last_size_bytes", *CHANGES]


def orderings(prefix: str = "") -> dict[str, Callable[[bool], list[Any]]]:
    """The ways to order by a state that stands at `prefix`: {name: terms by whether it is descending}."""
    columns = {"size": "last_size_bytes", "growth": "month_change_bytes", **{name: name for name in CHANGES}}
    return {name: partial(_terms, prefix + column) for name, column in columns.items()}


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


class DatabaseStateSerializer(PeriodRowSerializer):
    class Meta:
        model = DatabaseState
        fields = ["id", "instance", "database_name", *FIGURES]
        read_only_fields = fields

"""The bodies of the calls that run an aggregation, and their answers."""

from datetime import date
from typing import Any, NoReturn

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from capacity.aggregation.arguments import Which, parse_scope, plan_periods, plan_range
from capacity.aggregation.results import AggregationStatus
from capacity.errors import InputError
from capacity.inventory.selection import Selection
from capacity.periods import Period, PeriodType, today
from capacity.runs.outcome import BUSY
from sync_sessions.api.serializers import SyncSessionSerializer
from sync_sessions.choices import Scope
from sync_sessions.common.api.fields import StrictFields, TextField

from .fields import InstancesField, PeriodsField, ScopeField, TagsField

RUN_STATUSES = [*AggregationStatus.choices, (BUSY, gettext_lazy("Busy"))]
MAX_RUNS = 500  #: of one request: a year of every kind of period


class CurrentAggregationSerializer(StrictFields):
    """`{scope?, period_type?}`: the scope of the run; whatever period is asked for, the current day is run."""

    scope = ScopeField(required=False)
    period_type = TextField(required=False, allow_null=True, allow_blank=True)


class DayField(serializers.DateField):
    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str):
            self.fail("invalid", format="YYYY-MM-DD")
        return super().to_internal_value(value)


class InstanceAggregationSerializer(StrictFields):
    """`{periods?, scope?}` of one instance: the current day, and the last complete one of longer periods."""

    periods = PeriodsField(required=False)
    scope = ScopeField(required=False)
    which = Which.DEFAULT

    def validate(self, attrs: Any) -> Any:
        """Adds `plan`, the periods to run, and the scope when there is none."""
        configs = attrs.get("periods") or self.fields["periods"].run_validation(None)
        return {"scope": parse_scope(None), **attrs, "plan": self.plan(configs, attrs)}

    def plan(self, configs: Any, attrs: Any) -> list[Period]:
        return plan_periods(configs, self.which, today())


class RunsSerializer(InstanceAggregationSerializer):
    """`{periods?, scope?, from?, to?, instances?, tags?}`: the last complete periods, or all that lie inside a range.

    null is not given.
    """

    instances = InstancesField(required=False, allow_null=True)
    tags = TagsField(
        required=False, allow_null=True, allow_empty=False, help_text="Those that have one of these tags."
    )
    which = Which.LAST

    def validate(self, attrs: Any) -> Any:
        """Adds `selection` as well."""
        instances, tags = attrs.get("instances"), attrs.get("tags")
        if instances is not None and tags is not None:
            text = _("Name instances or tags, not both.")
            raise serializers.ValidationError({"tags": [text]}, code="both")
        selection = Selection.tagged(tag.name for tag in tags) if tags else Selection.of(instances)
        return {**super().validate(attrs), "selection": selection}

    def get_fields(self) -> dict[str, Any]:
        # `from` is no name for an attribute of a class.
        return {**super().get_fields(), **{end: DayField(required=False, allow_null=True) for end in ("from", "to")}}

    def plan(self, configs: Any, attrs: Any) -> list[Period]:
        first, last = attrs.get("from"), attrs.get("to")
        if first is None and last is None:
            return super().plan(configs, attrs)
        if first is None or last is None:
            missing = "to" if last is None else "from"
            raise serializers.ValidationError({missing: [_("Give both ends of the range.")]}, code="required")
        try:
            # Counted before one of them is made: a range of centuries is many, and cheap to ask for.
            if sum(Period.count_within(config.key, first, last) for config in configs) > MAX_RUNS:
                self._too_many()
            periods = plan_range(configs, first, last)
        except InputError as error:
            raise serializers.ValidationError({"from": [str(error)]}, code=error.code) from None
        if not periods:
            text = _("No period of these types lies wholly inside the range.")
            raise serializers.ValidationError({"from": [text]}, code="no_period")
        return periods

    def _too_many(self) -> NoReturn:
        text = _("That would be more than %(most)d runs: give a shorter range, or fewer period types.")
        raise serializers.ValidationError({"from": [text % {"most": MAX_RUNS}]}, code="too_many_runs")


class RunResultSerializer(serializers.Serializer[Any]):
    """What a run gives: its numbers and its session. `busy`: another one was under way, whose session it is."""

    status = serializers.ChoiceField(choices=RUN_STATUSES)
    message = serializers.CharField()
    scope = serializers.ChoiceField(choices=Scope.choices)
    requested_period_type = serializers.CharField()
    effective_period_type = serializers.ChoiceField(choices=PeriodType.choices)
    period_type = serializers.ChoiceField(choices=PeriodType.choices)
    period_start = serializers.DateField()
    period_end = serializers.DateField()
    processed_instances = serializers.IntegerField(min_value=0)
    skipped_instances = serializers.IntegerField(min_value=0)
    failed_instances = serializers.IntegerField(min_value=0)
    processed_records = serializers.IntegerField(min_value=0)
    errors = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]  # a property there
    session = SyncSessionSerializer()


class RunListSerializer(serializers.Serializer[Any]):
    runs = RunResultSerializer(many=True)

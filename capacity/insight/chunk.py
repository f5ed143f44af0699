"""The forecasts and events of some instances, out of what was read of them. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from capacity.models import CapacityLimit

from .events import ABSENT_DAYS, Event, changes, presence
from .forecast import Forecast, forecast
from .limits import by_volume
from .series import Target, Total, added_up, whole_days
from .weeks import Series


@dataclass(frozen=True)
class Volume:
    """What several databases or instances share."""

    totals: list[Total]
    forecast: Forecast


@dataclass(frozen=True)
class Chunk:
    """Of instances with at least one day each; series are oldest first. An instance is the target (id, "")."""

    totals: Mapping[int, list[Total]]
    databases: Mapping[Target, Series]
    carried: Mapping[Target, set[int]]  #: days on which a database was listed and could not be sized
    limits: Mapping[Target, CapacityLimit]

    @cached_property
    def series(self) -> dict[Target, Series]:
        """Of the instances, and of the databases that are still there."""
        instances = {(instance, ""): whole_days(totals) for instance, totals in self.totals.items()}
        return instances | {
            target: series for target, series in self.databases.items() if not self._gone(target, series)
        }

    @cached_property
    def _instance_days(self) -> dict[int, list[int]]:
        return {instance: [total.day for total in totals] for instance, totals in self.totals.items()}

    def _days_of(self, target: Target) -> list[int]:
        """On which the absence of a database says something."""
        days, carried = self._instance_days[target[0]], self.carried.get(target)
        return [day for day in days if day not in carried] if carried else days

    def _gone(self, target: Target, series: Series) -> bool:
        there = self._days_of(target)
        return len(there) - bisect_right(there, series.days[-1]) >= ABSENT_DAYS

    @cached_property
    def volumes(self) -> dict[str, Volume]:
        """By shared key; one whose members are all gone is none."""
        found = {}
        for key, limits in by_volume(self.limits).items():
            members = [self.series.get((limit.instance_id, limit.database_name)) for limit in limits]
            totals = added_up(series for series in members if series)
            if totals:
                found[key] = Volume(totals, forecast(whole_days(totals), limits[0].limit_bytes))
        return found

    def forecast(self, target: Target) -> Forecast:
        """On a shared volume: how the target itself grows, and when the volume is full."""
        limit = self.limits.get(target)
        if limit is None or not limit.shared_key:
            return forecast(self.series[target], limit.limit_bytes if limit else None)
        volume = self.volumes[limit.shared_key].forecast
        return replace(
            forecast(self.series[target]),
            state=volume.state,
            limit=volume.limit,
            expected_on=volume.expected_on,
            earliest_on=volume.earliest_on,
            latest_on=volume.latest_on,
        )

    def events(self, first: date) -> dict[Target, list[Event]]:
        """On days from `first` on; of instances jumps and drops alone."""
        found: defaultdict[Target, list[Event]] = defaultdict(list)
        for instance in self.totals:
            found[instance, ""] += changes(self.series[instance, ""], first)
        for target, series in self.databases.items():
            found[target] += [*changes(series, first), *presence(series, self._days_of(target), first)]
        return {target: events for target, events in found.items() if events}

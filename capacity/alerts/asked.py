"""What a rule is asked for, and what it finds."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from capacity.models import AlertRule

from .rules import threshold

#: How far back inside its threshold a value must be to be clear: 30 days until full are clear from 37.5 on.
FULL_MARGIN, SIZE_MARGIN, GROWTH_MARGIN = 1.25, 0.95, 0.8
#: An event opens an alert while it is this new; the alert ends by itself then.
EVENT_DAYS = timedelta(days=7)


@dataclass(frozen=True)
class Target:
    """What an alert is about. `key` is its identity for the rule."""

    key: str
    instance_id: int | None = None
    instance_name: str = ""
    database_name: str = ""

    @classmethod
    def of(cls, instance_id: int, instance_name: str, database_name: str = "", suffix: str = "") -> "Target":
        return cls(f"{instance_id}:{database_name}{suffix}", instance_id, instance_name, database_name)


@dataclass(frozen=True)
class Finding:
    target: Target
    holds: bool
    clear: bool
    value: float | None = None
    limit: float | None = None
    params: Mapping[str, Any] = field(default_factory=dict)  #: JSON: what its sentence needs


@dataclass(frozen=True)
class Asked:
    """A rule under evaluation. `live`: the keys of its alerts that have not ended; they are told however they are."""

    rule: AlertRule
    now: datetime
    live: Collection[str]
    ids: Collection[int]  #: of the instances that the rule is about

    def number(self, name: str) -> int:
        return threshold(self.rule, name)

    @property
    def today(self) -> Any:
        return timezone.localdate(self.now)

    @property
    def live_instances(self) -> set[int]:
        return {int(key.split(":")[0]) for key in self.live if key.split(":")[0].isdecimal()}

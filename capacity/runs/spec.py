"""What a run is to do: made by a door, kept on the session."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from capacity.inventory.selection import FLEET, InstanceRef, Selection
from capacity.models import Instance
from capacity.periods import Period
from capacity.querysets import InstanceQuerySet
from sync_sessions.choices import Scope, SyncType
from sync_sessions.models import SyncSession

from .kinds import COLLECTION, category_of, kind_of, lock_key


@dataclass(frozen=True)
class RunSpec:
    kind: str  #: one of `kinds.labels()`
    selection: Selection = FLEET
    period: Period | None = None  #: of a roll-up
    scope: str = Scope.ALL.value
    sync_type: str = ""  #: blank: see `session_type`
    created_by: Any = None  #: a user
    task_id: str = ""
    requested_period_type: str = ""  #: as it was asked for, if that is not what runs
    retry_of: str = ""  #: the id of the session that is run again
    for_fleet: bool = False  #: the selection is what the whole fleet has marked

    @classmethod
    def of_period(cls, period: Period, scope: str, selection: Selection = FLEET, **options: Any) -> "RunSpec":
        """The roll-up of one period; `options`: the other fields."""
        return cls(period.type, selection, period, scope, **options)

    @classmethod
    def of_due(cls, kind: str, due: InstanceQuerySet, tags: Collection[str] | None, **options: Any) -> "RunSpec":
        """Those of the fleet, or of some tags, that are due; `options`: the other fields. Raises UnknownTag."""
        Selection.tagged(tags).check_tags()
        return cls(kind, Selection.of(due.tagged(tags or ()), tags or ()), for_fleet=True, **options)

    @classmethod
    def of_session(cls, session: SyncSession) -> "RunSpec":
        """What a session was opened for, its instances aside: those are its records. Pure."""
        details = session.details
        period = None
        if "period_start" in details:
            period = Period.containing(details["period_type"], date.fromisoformat(details["period_start"]))
        return cls(
            kind_of(session.lock_key),
            period=period,
            scope=session.scope,
            sync_type=session.sync_type,
            requested_period_type=details.get("requested_period_type", ""),
        )

    @property
    def category(self) -> str:
        return category_of(self.kind)

    @property
    def session_type(self) -> str:
        """The `sync_type` of its session: unless it is said, that of a run by hand for as much of the fleet."""
        return self.sync_type or (SyncType.MANUAL_TASK.value if self.for_fleet else self.selection.sync_type)

    @property
    def over_the_fleet(self) -> bool:
        """Also of its marked ones, even if it is one."""
        return not self.selection.tags and (self.selection.is_fleet or self.for_fleet or self._is_scheduled)

    @property
    def _is_scheduled(self) -> bool:
        return self.sync_type == SyncType.SCHEDULED_TASK

    def instances(self) -> list[InstanceRef]:
        """The instances it is about, in key order. One query; UnknownInstance."""
        return self.selection.refs(Instance.objects.collectable() if self.kind == COLLECTION else None)

    def lock_key(self, instances: list[InstanceRef]) -> str:
        alone = len(instances) == 1 and not (self.over_the_fleet or self._is_scheduled) and self.kind != COLLECTION
        return lock_key(self.kind, instances[0].id if alone else None)

    def details(self, found: int) -> dict[str, Any]:
        """What the session keeps of it, which is about so many instances; JSON."""
        period = self.period and {
            "period_type": self.period.type,
            "period_start": self.period.start.isoformat(),
            "period_end": self.period.end.isoformat(),
            "requested_period_type": self.requested_period_type or self.period.type,
        }
        retry = {"retry_of": self.retry_of} if self.retry_of else {}
        return {**(period or {}), **retry, **({} if self.over_the_fleet else self.selection.details(found))}

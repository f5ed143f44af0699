"""Which instances: the one answer for every door."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from capacity.errors import InputError
from capacity.models import Instance
from capacity.querysets import InstanceQuerySet
from sync_sessions.choices import SyncType


class UnknownInstance(InputError):
    """A name or an id that no instance has."""

    code = "unknown_instance"


class InstanceRef(NamedTuple):
    """An instance as a run knows it; taken once at its start."""

    id: int
    name: str
    is_active: bool = True


@dataclass(frozen=True)
class Selection:
    """Some instances by `ids` or by `names`; neither: the fleet, which is every active one."""

    ids: tuple[int, ...] | None = None
    names: tuple[str, ...] | None = None

    @classmethod
    def of(cls, instances: Iterable[Instance | InstanceRef] | None) -> "Selection":
        """These instances; None: the fleet."""
        return cls() if instances is None else cls(ids=tuple(sorted({_key(one) for one in instances})))

    @classmethod
    def named(cls, names: Iterable[str] | None) -> "Selection":
        """What a caller's list of names means; None or an empty one: the fleet."""
        return cls(names=tuple(dict.fromkeys(names))) if names else cls()

    @property
    def is_fleet(self) -> bool:
        return self.ids is None and self.names is None

    @property
    def count(self) -> int | None:
        """How many were chosen; None for the fleet."""
        return None if self.is_fleet else len(self.ids or self.names or ())

    @property
    def sync_type(self) -> str:
        """Of a run that a person starts for it."""
        if self.is_fleet:
            return SyncType.MANUAL_TASK.value
        return (SyncType.MANUAL_SINGLE if self.count == 1 else SyncType.MANUAL_BATCH).value

    def details(self) -> dict[str, Any]:
        """What the run log keeps of it: see `SyncSession.selected`."""
        return {} if self.is_fleet else {"selected": self.count}

    def queryset(self, fleet: InstanceQuerySet | None = None) -> InstanceQuerySet:
        """The instances in key order. `fleet`: what the fleet is for this purpose, if not every active instance."""
        if self.is_fleet:
            found = Instance.objects.active() if fleet is None else fleet
        elif self.ids is not None:
            found = Instance.objects.filter(pk__in=self.ids)
        else:
            found = Instance.objects.filter(name__in=self.names or ())
        return found.order_by("pk")

    def instances(self, fleet: InstanceQuerySet | None = None) -> list[Instance]:
        """Those that are there, in key order; UnknownInstance for a name that no instance has.

        One query, and more of them for more ids than a statement of SQLite takes.
        """
        if self.ids is not None:
            by_key = Instance.objects.in_bulk(self.ids)
            return [by_key[pk] for pk in sorted(by_key)]
        found = list(self.queryset(fleet))
        unknown = sorted(set(self.names or ()) - {one.name for one in found})
        if unknown:
            raise UnknownInstance(_("There is no instance named %(names)s.") % {"names": ", ".join(unknown)})
        return found


FLEET = Selection()


def refs(instances: Iterable[Instance | InstanceRef]) -> list[InstanceRef]:
    """The same instances as a run knows them, each once and in key order. Pure."""
    by_key = {_key(one): one for one in instances}
    return [InstanceRef(pk, by_key[pk].name, by_key[pk].is_active) for pk in sorted(by_key)]


def _key(one: Instance | InstanceRef) -> int:
    return one.pk if isinstance(one, Instance) else one.id

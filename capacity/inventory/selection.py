"""Which instances: the one answer for every door."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import starmap
from typing import Any, NamedTuple, TypeVar

from django.db import connection
from django.utils.translation import gettext as _

from capacity.errors import InputError
from capacity.models import Instance, Tag
from capacity.querysets import InstanceQuerySet
from sync_sessions.choices import SyncType


class UnknownInstance(InputError):
    """A name or an id that no instance has."""

    code = "unknown_instance"


class UnknownTag(InputError):
    """A name that no tag has."""

    code = "unknown_tag"


class InstanceRef(NamedTuple):
    """An instance as a run knows it; taken once at its start."""

    id: int
    name: str
    is_active: bool = True


Known = TypeVar("Known", Instance, InstanceRef)


@dataclass(frozen=True)
class Selection:
    """Some instances by `ids` or by `names`, or those of the fleet with one of some `tags`; none of them: the fleet.

    The fleet is every active instance. With both, the `ids` are what `tags` have found.
    """

    ids: tuple[int, ...] | None = None
    names: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None

    @classmethod
    def of(cls, instances: Iterable[Instance | InstanceRef] | None, tags: Iterable[str] = ()) -> "Selection":
        """These instances; None: the fleet. `tags`: what they were found by, or who of the fleet is meant."""
        ids = None if instances is None else tuple(sorted({one.id for one in instances}))
        return cls(ids=ids, tags=cls.tagged(tags).tags)

    @classmethod
    def named(cls, names: Iterable[str] | None) -> "Selection":
        """What a caller's list of names means; None or an empty one: the fleet."""
        return cls(names=tuple(dict.fromkeys(names))) if names else cls()

    @classmethod
    def tagged(cls, tags: Iterable[str] | None) -> "Selection":
        """Those of the fleet that have one of these tags; None or an empty list: the fleet."""
        return cls(tags=tuple(dict.fromkeys(tags))) if tags else cls()

    @property
    def is_fleet(self) -> bool:
        return self.ids is None and self.names is None and self.tags is None

    @property
    def count(self) -> int | None:
        """How many were chosen one by one; None for the fleet and for tags."""
        chosen = self.names if self.ids is None else self.ids
        return None if chosen is None else len(chosen)

    @property
    def sync_type(self) -> str:
        """Of a run that a person starts for it."""
        if self.is_fleet:
            return SyncType.MANUAL_TASK.value
        return (SyncType.MANUAL_SINGLE if self.count == 1 else SyncType.MANUAL_BATCH).value

    def details(self, found: int) -> dict[str, Any]:
        """What the run log keeps of it, of which so many instances were found: see `SyncSession.selected`."""
        if self.is_fleet:
            return {}
        return {"selected": found, **({"tags": list(self.tags)} if self.tags else {})}

    def queryset(self, fleet: InstanceQuerySet | None = None) -> InstanceQuerySet:
        """The instances in key order. `fleet`: what the fleet is for this purpose, if not every active instance."""
        if self.ids is not None:
            found = Instance.objects.filter(pk__in=self.ids)
        elif self.names is not None:
            found = Instance.objects.filter(name__in=self.names)
        else:
            found = (Instance.objects.active() if fleet is None else fleet).tagged(self.tags or ())
        return found.order_by("pk")

    def instances(self, fleet: InstanceQuerySet | None = None) -> list[Instance]:
        """Those that are there, in key order. One query, of tags two.

        UnknownInstance for a name that no instance has, UnknownTag for one that no tag has. More queries for more
        ids than a statement of SQLite takes.
        """
        return self._there(fleet, list)

    def refs(self, fleet: InstanceQuerySet | None = None) -> list[InstanceRef]:
        """The same as a run knows them: of 10,000 in a tenth of the time."""
        return self._there(fleet, read_refs)

    def _there(self, fleet: InstanceQuerySet | None, read: Callable[[InstanceQuerySet], list[Known]]) -> list[Known]:
        if self.ids is not None:
            ids = sorted(set(self.ids))
            most = connection.features.max_query_params or len(ids) or 1
            parts = (ids[first : first + most] for first in range(0, len(ids), most))
            return [one for part in parts for one in read(Selection(ids=tuple(part)).queryset())]
        self.check_tags()
        found = read(self.queryset(fleet))
        unknown = sorted(set(self.names or ()) - {one.name for one in found})
        if unknown:
            raise UnknownInstance(_("There is no instance named %(names)s.") % {"names": ", ".join(unknown)})
        return found

    def check_tags(self) -> None:
        """Raises UnknownTag. One query, if there are any."""
        known = Tag.objects.filter(name__in=self.tags).values_list("name", flat=True) if self.tags else ()
        if unknown := sorted(set(self.tags or ()) - set(known)):
            raise UnknownTag(_("There is no tag named %(names)s.") % {"names": ", ".join(unknown)})


FLEET = Selection()


def read_refs(instances: InstanceQuerySet) -> list[InstanceRef]:
    """These, as a run knows them. One query."""
    return list(starmap(InstanceRef, instances.values_list("pk", "name", "is_active")))


def refs(instances: Iterable[Instance | InstanceRef]) -> list[InstanceRef]:
    """The same instances as a run knows them, each once and in key order. Pure."""
    by_key = {one.id: one for one in instances}
    return [InstanceRef(pk, by_key[pk].name, by_key[pk].is_active) for pk in sorted(by_key)]

"""What a mapping would make of the series that are there now: looked at before anything is saved."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from capacity.errors import CapacityError
from capacity.models import Instance, PrometheusMapping, ReadingKind

from .client import PrometheusClient
from .readings import Matcher, readings

SHOWN = 20
UNMATCHED = 100  #: labels told
SECONDS = 10.0  #: a person waits


class Line(NamedTuple):
    label: str  #: the value of the instance label
    instances: Sequence[str]  #: their names; none when no instance is meant
    database: str  #: or the volume
    size: int | None  #: bytes; None when it is no size


@dataclass(frozen=True)
class Preview:
    """The first series, how many there are, and the labels that no instance has; or a sentence why there are none."""

    mapping: PrometheusMapping
    lines: Sequence[Line] = ()
    total: int = 0
    unmatched: Sequence[str] = ()
    reason: str = ""

    @property
    def more(self) -> int:
        return self.total - len(self.lines)


def preview(mappings: Sequence[PrometheusMapping]) -> list[Preview]:
    """Of each mapping, which may be unsaved; all of it within SECONDS. Writes nothing."""
    matcher = Matcher(Instance.objects.order_by("name"))
    end = time.monotonic() + SECONDS
    return [_of(mapping, matcher, end) for mapping in mappings]


def _of(mapping: PrometheusMapping, matcher: Matcher, end: float) -> Preview:
    client = PrometheusClient(mapping.source, SECONDS)
    client.end = end
    try:
        found = list(readings(mapping, client.instant(mapping.query, time.time()).series, matcher))
    except CapacityError as error:
        return Preview(mapping, reason=str(error))
    lines = [
        Line(
            one.label,
            [instance.name for instance in one.instances],
            one.database or one.volume,
            max((size for _at, size in one.sizes if size is not None), default=None),
        )
        for one in found
    ]
    nameless = mapping.kind in (ReadingKind.SIZE, ReadingKind.DATA, ReadingKind.LOG)
    unmatched = dict.fromkeys(one.label for one in found if not one.instances or (nameless and not one.database))
    return Preview(mapping, lines[:SHOWN], len(lines), tuple(unmatched)[:UNMATCHED])

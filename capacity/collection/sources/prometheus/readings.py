"""What the series of a mapping say: how many bytes of which database of which instance. Asks nobody."""

from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from capacity.collection.validation import MAX_BYTES
from capacity.models import DbType, Instance, PrometheusMapping

from .client import Series

MAX_LABEL = 255
#: The port that an instance has when none is given, as in host:port.
PORTS = {DbType.POSTGRESQL: 5432, DbType.MYSQL: 3306, DbType.SQLSERVER: 1433, DbType.ORACLE: 1521}


class Reading(NamedTuple):
    label: str  #: the value of the instance label
    instances: tuple[Instance, ...]  #: none when it is nobody's; several only on a volume
    database: str  #: "" of a volume
    volume: str  #: the rest of the labels, of a volume
    sizes: list[tuple[float, int | None]]  #: (Unix time, bytes), None for what is no size: NaN, below 0


class Matcher:
    """Finds instances by name or by host:port; the machine they are on by its host alone."""

    def __init__(self, instances: Iterable[Instance]) -> None:
        self._names: dict[tuple[str, str], Instance] = {}
        self._addresses: dict[tuple[str, str], Instance] = {}
        self._hosts: dict[tuple[str, str], list[Instance]] = {}
        for one in instances:
            self._names[one.db_type, one.name] = one
            if one.host:
                host = one.host.lower()
                self._addresses.setdefault((one.db_type, f"{host}:{one.port or PORTS[DbType(one.db_type)]}"), one)
                self._hosts.setdefault((one.db_type, host), []).append(one)

    def find(self, db_type: str, label: str, *, volume: bool) -> tuple[Instance, ...]:
        if one := self._names.get((db_type, label)):
            return (one,)
        address = label.lower().replace("[", "").replace("]", "")
        if volume:  # the exporter of a machine has a port of its own
            return tuple(self._hosts.get((db_type, host_of(address)), ()))
        one = self._addresses.get((db_type, address))
        return (one,) if one else ()


def host_of(address: str) -> str:
    host, colon, port = address.rpartition(":")
    return host if colon and port.isdecimal() else address


def readings(mapping: PrometheusMapping, series: Iterable[Series], matcher: Matcher) -> Iterator[Reading]:
    """A reading for each series, in their order."""
    volume = not mapping.database_label
    for one in series:
        label = one.labels.get(mapping.instance_label, "")
        known = ("__name__", "job", mapping.instance_label)
        rest = "" if not volume else " ".join(value for name, value in sorted(one.labels.items()) if name not in known)
        yield Reading(
            _printable(label),
            matcher.find(mapping.db_type, label, volume=volume),
            "" if volume else one.labels.get(mapping.database_label, ""),
            _printable(rest),
            [(at, _bytes(value, mapping.factor)) for at, value in one.values],
        )


def _printable(text: str) -> str:
    return "".join(character for character in text[:MAX_LABEL] if character.isprintable())


def _bytes(text: str, factor: int) -> int | None:
    try:
        number = Decimal(text) * factor
        size = int(number.to_integral_value()) if 0 <= number <= MAX_BYTES else None
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return size

"""Sizes and limits that a Prometheus has already: one query of it is about many instances."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from django.conf import settings
from django.utils.translation import gettext as _

from capacity.collection.sources.answers import (
    CollectionError,
    DatabaseSize,
    Measurement,
    NotCollected,
    Unsized,
    Volume,
)
from capacity.collection.validation import name_problem
from capacity.errors import CapacityError
from capacity.models import DbType, Instance, PrometheusMapping, ReadingKind

from .client import PrometheusClient
from .readings import Matcher, Reading, host_of, readings

#: {kind: {database: bytes}}; None for what is no size
Sizes = dict[str, dict[str, int | None]]


class Found:
    """What was found of one instance."""

    def __init__(self) -> None:
        self.sizes: Sizes = {kind: {} for kind in ReadingKind.values}
        self.volumes: dict[str, dict[str, int]] = {}  #: {shared key: {kind: bytes}}
        self.sources: list[str] = []
        self.doubled: set[str] = set()

    def add(self, kind: str, reading: Reading, source: str) -> None:
        """Of several series for one database the largest counts: a sum is the query's own affair."""
        size = max((size for _at, size in reading.sizes if size is not None), default=None)
        if not reading.database:
            key = f"{host_of(reading.label)} {reading.volume}".strip()[:255]
            if size is not None:
                known = self.volumes.setdefault(key, {})
                known[kind] = max(size, known.get(kind, 0))
            return
        sizes = self.sizes[kind]
        if reading.database in sizes:
            self.doubled.add(reading.database)
        sizes[reading.database] = max(size or 0, sizes.get(reading.database) or 0) if size is not None else None
        if source not in self.sources:
            self.sources.append(source)

    def has_sizes(self) -> bool:
        return bool(self.sizes[ReadingKind.SIZE] or self.sizes[ReadingKind.DATA])

    def measurement(self, instance: Instance, at: datetime, seconds: float) -> Measurement:
        sizes, data = self.sizes[ReadingKind.SIZE], self.sizes[ReadingKind.DATA]
        log, limit = self.sizes[ReadingKind.LOG], self.sizes[ReadingKind.LIMIT]
        databases, not_sized = [], []
        for name in sorted({*sizes, *data}):
            total = sizes.get(name)
            if total is None and data.get(name) is not None:
                total = (data[name] or 0) + (log.get(name) or 0)
            if problem := name_problem(name):
                not_sized.append(Unsized(repr(name[:100])[1:-1], problem[1]))
            elif total is None:
                not_sized.append(Unsized(name, _("Prometheus has no size of it, but no number or one below 0.")))
            else:
                databases.append(DatabaseSize(name, total, data.get(name), log.get(name), limit.get(name)))
        notes = [_("Read from %(sources)s.") % {"sources": ", ".join(self.sources)}]
        if self.doubled:
            names = ", ".join(sorted(self.doubled)[:10])
            notes.append(_("Several series are about one database; the largest counts: %(names)s.") % {"names": names})
        return Measurement(
            at,
            seconds,
            "",
            tuple(databases),
            tuple(not_sized),
            tuple(notes),
            self.disks(databases),
            "tablespace" if instance.db_type == DbType.ORACLE else "file",
        )

    def disks(self, databases: Collection[DatabaseSize]) -> tuple[Volume, ...]:
        """The volumes, with all of the databases on each."""
        names, used = tuple(one.database_name for one in databases), sum(one.size_bytes for one in databases)
        disks = []
        for key, known in sorted(self.volumes.items()):
            total = known.get(ReadingKind.LIMIT, used + known.get(ReadingKind.AVAILABLE, 0))
            disks.append(Volume(key, total, known.get(ReadingKind.AVAILABLE, max(0, total - used)), names))
        return tuple(disks)


class Reads:
    """What all active sources say of some instances, at one moment."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.seconds = 0.0
        self.engines: set[str] = set()  #: those whose sizes are read from a Prometheus
        self.failures: dict[str, CapacityError] = {}  #: {engine: the first one}
        self._found: dict[int, Found] = {}

    def found(self, instance: Instance) -> Found:
        return self._found.setdefault(instance.pk, Found())

    def answer(self, instance: Instance) -> Measurement | CapacityError | None:
        """How the instance is; None: measure it. One that has a user to log in with is always measured."""
        if (instance.host and instance.username) or instance.db_type not in self.engines:
            return None
        found = self._found.get(instance.pk)
        failure = self.failures.get(instance.db_type)
        if found and found.has_sizes():
            measured = found.measurement(instance, self.at, self.seconds)
            return replace(measured, notes=(*measured.notes, str(failure)), all_limits=False) if failure else measured
        if failure:
            return failure
        if instance.host:
            return None
        text = "No series of a Prometheus is about the instance: its name or host:port must be the instance label."
        return NotCollected("not_in_prometheus", text)

    def with_volumes(self, instance: Instance, measurement: Measurement) -> Measurement:
        """A measurement of the server itself, with the disks that a Prometheus knows it to be on."""
        complete = instance.db_type not in self.failures
        found = self._found.get(instance.pk)
        if not (instance.host and instance.username) or (complete and not (found and found.volumes)):
            return measurement
        disks = found.disks(measurement.databases) if found else ()
        return replace(measurement, volumes=(*measurement.volumes, *disks), all_limits=complete)


def read(instances: Iterable[Instance], on_beat: Callable[[], None] = lambda: None) -> Reads:
    """Asks every active source for what its mappings say of these instances; `on_beat` is called after each query.

    A query that fails is kept as the failure of its engine, and stops no other. All of it is over within
    WHALEFALL_COLLECT_BUDGET. Without a source it is one query to the database.
    """
    began, instances = time.monotonic(), list(instances)
    reads, matcher = Reads(datetime.now(UTC)), Matcher(instances)
    engines = {one.db_type for one in instances}
    clients: dict[int, PrometheusClient] = {}
    for mapping in PrometheusMapping.objects.in_use().filter(db_type__in=engines):
        if mapping.kind in (ReadingKind.SIZE, ReadingKind.DATA):
            reads.engines.add(mapping.db_type)
        client = clients.get(mapping.source_id)
        if client is None:
            client = clients[mapping.source_id] = PrometheusClient(mapping.source, query_seconds())
            client.end = began + settings.WHALEFALL_COLLECT_BUDGET
        try:
            series = client.instant(mapping.query, reads.at.timestamp()).series
            for reading in readings(mapping, series, matcher):
                for instance in reading.instances:
                    reads.found(instance).add(mapping.kind, reading, str(mapping.source))
        except CapacityError as error:
            reads.failures.setdefault(mapping.db_type, _named(mapping, error))
        on_beat()
    reads.seconds = round(time.monotonic() - began, 3)
    return reads


def query_seconds() -> float:
    """What one query may take: a run gives a sign of life in between."""
    return float(min(settings.WHALEFALL_COLLECT_TIMEOUT, settings.WHALEFALL_SESSION_LEASE / 3))


def _named(mapping: PrometheusMapping, error: CapacityError) -> CapacityError:
    text = _("Mapping %(name)s: %(reason)s") % {"name": mapping, "reason": error}
    return CollectionError(getattr(error, "code", "") or "connection_failed", text)

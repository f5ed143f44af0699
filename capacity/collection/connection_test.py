"""Trying a connection while a person waits."""

from contextlib import closing
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capacity.errors import CapacityError
from capacity.models import DbType, Instance
from sync_sessions.common.gates import Busy, Gate

from .measuring import measure, source_of
from .sources import SOURCES, Measurement, Source

#: Each holds a thread of the site while a server that says nothing is waited for.
PROBES = Gate(3, gettext_lazy("Other connections are being tried at the moment: try again in a few seconds."), 10)

# In seconds, for a person who waits; a collection waits longer.
CONNECT = 3  #: for the connection
STATEMENT = 5  #: for each statement
BUDGET = 10  #: for all of it


@dataclass(frozen=True)
class Probe:
    """What came of it: a measurement, or a sentence why there is none; `pushed` when nothing can be tried."""

    measurement: Measurement | None = None
    reason: str = ""
    pushed: bool = False


def probe(instance: Instance) -> Probe:
    """Measures a server as a collection would, within BUDGET seconds; stores nothing and does not touch the database.

    The instance need not be saved. The password is in no text that comes back and in no log.
    """
    if instance.db_type not in SOURCES:
        name = DbType(instance.db_type).label
        text = _("WhaleFall does not connect to %(engine)s: push its samples by API or CSV.")
        return Probe(reason=text % {"engine": name}, pushed=True)
    if not instance.host:
        return Probe(reason=_("Without a host there is nothing to connect to: samples are pushed."), pushed=True)
    try:
        with PROBES, closing(measure([instance], _sources)) as measured:
            _instance, found = next(measured)
    except Busy as busy:
        return Probe(reason=str(busy))
    return Probe(found) if isinstance(found, Measurement) else Probe(reason=str(found))


def _sources(instances: list[Instance]) -> list[tuple[Instance, Source | CapacityError]]:
    (instance,) = instances
    try:
        limits = {"connect_timeout": CONNECT, "statement_timeout": STATEMENT, "time_budget": BUDGET}
        return [(instance, source_of(instance, **limits))]
    except CapacityError as error:
        return [(instance, error)]

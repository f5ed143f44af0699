"""Whose tables are to be measured: those of the databases that something happened to.

What grew is asked when a database has jumped; nobody measures the tables of a whole fleet for that.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db.models import Exists, F, Max, OuterRef
from django.db.models.functions import Abs

from capacity.models import CapacityEvent, EventKind, Instance, TableSizeSnapshot
from capacity.periods import today
from capacity.runs.kinds import TABLES, last_failures, lock_key
from capacity.runs.spec import RunSpec
from sync_sessions.models import SyncInstanceRecord

from .tables import MEASURED

#: How old an event may be: a run comes each week, and makes up for what the one before it has missed.
EVENT_AGE = timedelta(days=14)


def due(ids: Collection[int] | None = None) -> dict[int, list[str]]:
    """{instance: its databases that have jumped, dropped or appeared since their tables were last measured}.

    Of active instances (`ids`: of these) that can be logged in to; those that changed most come first. One query.
    """
    instances = Instance.objects.active().filter(db_type__in=MEASURED).exclude(host="").exclude(username="")
    if ids is not None:
        instances = instances.filter(pk__in=ids)
    same = {"instance": OuterRef("instance"), "database_name": OuterRef("database_name")}
    gone = CapacityEvent.objects.filter(**same, kind=EventKind.VANISHED, day__gt=OuterRef("day"))
    measured = TableSizeSnapshot.objects.filter(**same, taken_at__date__gte=OuterRef("day"))
    events = CapacityEvent.objects.since(today() - EVENT_AGE).exclude(kind=EventKind.VANISHED)
    # One without a database is of the whole instance, whose databases have their own.
    events = events.exclude(database_name="").filter(~Exists(gone), ~Exists(measured), instance__in=instances)
    change = Max(Abs(F("after_bytes") - F("before_bytes")))
    rows = events.values_list("instance", "database_name").annotate(change=change)
    found: dict[int, list[str]] = {}
    for instance, database, _change in rows.order_by("-change", "instance", "database_name"):
        found.setdefault(instance, []).append(database)
    return found


def spec_of_due(tags: Collection[str] | None = None, **options: Any) -> RunSpec:
    """A run over the instances of the fleet, or of some tags, that have such databases.

    Those that failed the last time are in it: if nothing of them is due any more, their failure ends with it.
    `options`: fields of RunSpec. Raises UnknownTag.
    """
    failures = last_failures(SyncInstanceRecord.objects.filter(session__lock_key=lock_key(TABLES)))
    ids = {*due(), *failures.values_list("instance", flat=True)}
    return RunSpec.of_due(TABLES, Instance.objects.filter(pk__in=ids), tags, **options)

"""The kinds of runs: what they are called, the lock key of each, and the last run of each.

A kind is a type of period (its roll-up), the collection, insight (forecasts and events) or the largest tables. The one
place that knows how a lock key is written.
"""

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from capacity.periods import PERIOD_CONFIG
from sync_sessions.choices import RecordStatus, SyncCategory
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.querysets import SyncSessionQuerySet

COLLECTION = "collection"
INSIGHT = "insight"
TABLES = "tables"

#: {kind: its category in the run log}; every other kind is a type of period.
_CATEGORIES = {
    COLLECTION: SyncCategory.CAPACITY.value,
    INSIGHT: SyncCategory.INSIGHT.value,
    TABLES: SyncCategory.TABLES.value,
}
_LABELS = {COLLECTION: _("Collection"), INSIGHT: _("Forecasts"), TABLES: _("Largest tables")}


def labels() -> dict[str, Any]:
    """{kind: its name for people}, in the order of every list of kinds."""
    return {config.key: config.label for config in PERIOD_CONFIG} | _LABELS


def category_of(kind: str) -> str:
    return _CATEGORIES.get(kind, SyncCategory.AGGREGATION.value)


def lock_key(kind: str, instance_id: int | None = None) -> str:
    """One open session per kind over the fleet, and beside it one per instance of which it is run alone."""
    key = f"{category_of(kind)}:{kind}"
    return key if instance_id is None else f"{key}:{instance_id}"


def kind_of(lock_key: str) -> str:
    return lock_key.split(":")[1]


def _key_alone(key: Any) -> Concat:
    """`lock_key` of the row's instance in SQL, from the key over the fleet."""
    return Concat(key, Value(":"), Cast("instance_id", CharField()))


def last_runs() -> dict[str, SyncSession]:
    """The newest ended scheduled run of each kind, if there is one. One query."""
    return _newest(SyncSession.objects.by_schedule())[0]


def last_runs_and_later() -> tuple[dict[str, SyncSession], dict[str, SyncSession]]:
    """`last_runs`, and of each kind the newest run whoever started it. One query."""
    scheduled, of_all = _newest(SyncSession.objects.by_schedule(), SyncSession.objects.over_the_fleet())
    return scheduled, of_all


def _newest(*choices: SyncSessionQuerySet) -> list[dict[str, SyncSession]]:
    """The newest ended session of each kind, of each choice of sessions."""
    keys = {lock_key(kind): kind for kind in labels()}
    # Of each key one look-up in its index.
    newest = [
        reduce(or_, (Q(pk=Subquery(sessions.newest_ended(key).values("pk"))) for key in keys)) for sessions in choices
    ]
    flags = {f"of_{number}": Case(When(of_it, then=True), default=False) for number, of_it in enumerate(newest)}
    runs = list(SyncSession.objects.filter(reduce(or_, newest)).annotate(**flags))
    return [{keys[run.lock_key]: run for run in runs if getattr(run, flag)} for flag in flags]


def last_failures(records: QuerySet[SyncInstanceRecord]) -> QuerySet[SyncInstanceRecord]:
    """Of these records the failed ones of active instances that were not run again since, in the same kind of run.

    A cancelled record is none: it says nothing of its instance.
    """
    mine, theirs = OuterRef("session__lock_key"), F("session__lock_key")
    since = SyncInstanceRecord.objects.annotate(alone_then=_key_alone(mine), fleet_now=_key_alone(theirs)).filter(
        Q(session__lock_key=mine) | Q(session__lock_key=F("alone_then")) | Q(fleet_now=mine),
        instance=OuterRef("instance"),
        pk__gt=OuterRef("pk"),
        status__in=[RecordStatus.COMPLETED, RecordStatus.SKIPPED, RecordStatus.FAILED],
    )
    return records.filter(~Exists(since), has_failed=True, instance__is_active=True)

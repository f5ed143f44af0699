"""Deletes what is older than its retention, in batches, and never what a period still has to be made from."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import models, transaction

from capacity.aggregation.due import stale_periods
from capacity.collection import states
from capacity.models import (
    CapacityState,
    CarriedDatabase,
    DatabaseDayStat,
    DatabaseSizeAggregation,
    DatabaseSizeStat,
    Instance,
    InstanceSizeAggregation,
    InstanceSizeStat,
)
from capacity.periods import Period, PeriodType, parse_periods, today
from sync_sessions.choices import SyncCategory
from sync_sessions.common.batches import delete_in_batches
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .logins import purge_logins

log = structlog.get_logger(__name__)

BATCH = 5000
INSTANCES = 200
DAY_ROWS: tuple[type[models.Model], ...] = (DatabaseDayStat, CarriedDatabase, InstanceSizeStat)
PERIOD_ROWS: tuple[type[models.Model], ...] = (DatabaseSizeAggregation, InstanceSizeAggregation)


@dataclass(frozen=True)
class PurgeResult:
    """What was deleted, or would be by a dry run."""

    purged_before: date | None = None  #: the first day whose samples are kept; None: there never was a sample
    samples: int = 0
    days_purged_before: date | None = None  #: the first day whose day rows are kept; None: all of them
    days: int = 0  #: day rows of databases and instances
    daily_rows: int = 0  #: daily period rows of both levels
    sessions: int = 0
    kept_for: tuple[
        Period, ...
    ] = ()  #: stale periods that older day rows are kept for; aggregate them to let those go
    waiting_for: tuple[str, ...] = ()  #: ids of open sessions that read such day rows: none was deleted

    def as_dict(self) -> dict[str, Any]:
        return {
            "purged_before": self.purged_before and self.purged_before.isoformat(),
            "samples": self.samples,
            "days_purged_before": self.days_purged_before and self.days_purged_before.isoformat(),
            "days": self.days,
            "daily_rows": self.daily_rows,
            "sessions": self.sessions,
            "kept_for": [f"{period.type} {period.start}" for period in self.kept_for],
            "waiting_for": list(self.waiting_for),
        }


def purge(*, dry_run: bool = False) -> PurgeResult:
    """Deletes samples, day rows, daily period rows and sessions older than their retention; a commit per batch.

    Samples go by themselves: everything is made from their day rows. Day rows, of which none go unless
    WHALEFALL_DAY_RETENTION_DAYS says so, are kept from the first day on that a stale complete period of an active
    instance is made from, its previous period included: once they are gone, its row could not be made good. How
    far it went is on CapacityState: ingest refuses samples of days before (already_purged), and runs of periods
    that reach back behind the day rows are skipped (samples_purged).
    """
    retention = timedelta(days=settings.WHALEFALL_SESSION_RETENTION_DAYS)
    sessions = sync_session_service.purge(retention, dry_run=dry_run)
    if not dry_run:
        purge_logins(retention)
    state = CapacityState.objects.first()
    if state is None:
        return PurgeResult(sessions=sessions)
    now = today()
    days_from, kept_for = _first_day_kept(state, now)
    limit = _limit(now, settings.WHALEFALL_SAMPLE_RETENTION_DAYS)
    samples_from = _later(limit, state.samples_purged_before, days_from)
    daily_from = _limit(now, settings.WHALEFALL_DAILY_ROW_RETENTION_DAYS)
    waiting_for: tuple[str, ...] = ()
    if not dry_run:
        # Told first, so that no ingest and no run begins to read what is about to go.
        CapacityState.objects.filter(pk=state.pk).update(
            samples_purged_before=samples_from, days_purged_before=days_from
        )
        # A run that began before that reads them still: they go with the next purge.
        waiting_for = _runs_of_periods_before(days_from) if days_from else ()
    remove = _count if dry_run else _delete
    # First, as it waits for the ingests that are under way: they still write day rows.
    samples = remove(DatabaseSizeStat, samples_from)
    days = 0 if waiting_for else sum(remove(model, days_from) for model in DAY_ROWS)
    if days_from and not dry_run and not waiting_for:
        states.forget_before(days_from)
    return PurgeResult(
        purged_before=samples_from,
        samples=samples,
        days_purged_before=days_from,
        days=days,
        daily_rows=sum(remove(model, daily_from) for model in PERIOD_ROWS),
        sessions=sessions,
        kept_for=kept_for,
        waiting_for=waiting_for,
    )


def _limit(now: date, days: int) -> date | None:
    """The first day that is kept; None when everything is."""
    return now - timedelta(days=days) if days else None


def _later(*days: date | None) -> date | None:
    return max((day for day in days if day), default=None)


def _first_day_kept(state: CapacityState, now: date) -> tuple[date | None, tuple[Period, ...]]:
    """The first day whose day rows are kept, and the stale periods that older ones are kept for."""
    limit = _limit(now, settings.WHALEFALL_DAY_RETENTION_DAYS)
    if limit is None:
        return state.days_purged_before, ()
    kept_for = tuple(p for p in stale_periods(parse_periods(None), now) if p.previous().start < limit)
    if kept_for:
        # The schedule computes none that ended before WHALEFALL_CATCH_UP_DAYS: somebody has to.
        log.warning("purge.days_kept", before=limit.isoformat(), periods=len(kept_for), run="aggregate --stale")
    first = min([limit, *(period.previous().start for period in kept_for)])
    return _later(first, state.days_purged_before), kept_for


def _runs_of_periods_before(first_kept: date) -> tuple[str, ...]:
    """The ids of open aggregation sessions whose period, or the one before it, begins before that day."""
    found = []
    for session in SyncSession.objects.open().filter(sync_category=SyncCategory.AGGREGATION):
        start = session.details.get("period_start")
        period = start and Period.containing(session.details["period_type"], date.fromisoformat(start))
        if period and period.previous().start < first_kept:
            found.append(str(session.session_id))
    return tuple(found)


def _old(model: type[models.Model], before: date) -> "models.QuerySet[Any]":
    if model in PERIOD_ROWS:
        return model._default_manager.filter(period_type=PeriodType.DAILY, period_start__lt=before)
    return model._default_manager.filter(collected_on__lt=before)


def _count(model: type[models.Model], before: date | None) -> int:
    return _old(model, before).count() if before else 0


def _delete(model: type[models.Model], before: date | None) -> int:
    """By instances, as the indexes lead with them: a search by the day alone would read every row."""
    if before is None:
        return 0
    ids = list(Instance.objects.order_by("pk").values_list("pk", flat=True))
    deleted = 0
    for first in range(0, len(ids), INSTANCES):
        chunk = ids[first : first + INSTANCES]
        if model is DatabaseSizeStat:
            _let_ingests_end(chunk)
        # In no order: sorted, each batch would read all that is still to go.
        deleted += delete_in_batches(_old(model, before).filter(instance__in=chunk).order_by(), BATCH)
    return deleted


def _let_ingests_end(instances: list[int]) -> None:
    """Waits for ingests that asked how far samples are purged before it was told: they read the day's samples."""
    with transaction.atomic():
        list(Instance.objects.select_for_update(no_key=True).filter(pk__in=instances).order_by("pk").values_list("pk"))

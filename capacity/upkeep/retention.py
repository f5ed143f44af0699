"""Deletes what is older than its retention, in batches, and never what a period still has to be made from."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import structlog
from django.conf import settings

from capacity.aggregation.due import stale_periods
from capacity.models import CapacityState, DatabaseSizeStat, Instance, InstanceSizeStat
from capacity.periods import Period, parse_periods, today
from sync_sessions.choices import SyncCategory
from sync_sessions.common.batches import delete_in_batches
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .logins import purge_logins

log = structlog.get_logger(__name__)

BATCH = 5000
INSTANCES = 200
MODELS = (DatabaseSizeStat, InstanceSizeStat)


@dataclass(frozen=True)
class PurgeResult:
    """What was deleted, or would be by a dry run."""

    purged_before: date | None  #: the first day whose samples are kept; None: there never was a sample
    samples: int
    days: int
    sessions: int
    kept_for: tuple[Period, ...]  #: stale periods that older samples are kept for; aggregate them to let those go
    waiting_for: tuple[str, ...] = ()  #: ids of open sessions that read such samples: nothing was deleted

    def as_dict(self) -> dict[str, Any]:
        return {
            "purged_before": self.purged_before and self.purged_before.isoformat(),
            "samples": self.samples,
            "days": self.days,
            "sessions": self.sessions,
            "kept_for": [f"{period.type} {period.start}" for period in self.kept_for],
            "waiting_for": list(self.waiting_for),
        }


def purge(*, dry_run: bool = False) -> PurgeResult:
    """Deletes samples, day rows and sessions older than their retention; each batch is its own commit.

    Samples are kept from the first day on that a stale complete period of an active instance is made from, its
    previous period included: once they are gone, its row could not be made good. How far it went is on
    CapacityState, and later runs of what lies before are skipped (samples_purged).
    """
    retention = timedelta(days=settings.WHALEFALL_SESSION_RETENTION_DAYS)
    sessions = sync_session_service.purge(retention, dry_run=dry_run)
    if not dry_run:
        purge_logins(retention)
    state = CapacityState.objects.first()
    if state is None:
        return PurgeResult(None, 0, 0, sessions, ())
    now = today()
    limit = now - timedelta(days=settings.WHALEFALL_SAMPLE_RETENTION_DAYS)
    kept_for = tuple(p for p in stale_periods(parse_periods(None), now) if p.previous().start < limit)
    first_kept = min([limit, *(period.previous().start for period in kept_for)])
    if kept_for:
        # The schedule computes none that ended before WHALEFALL_CATCH_UP_DAYS: somebody has to.
        log.warning("purge.samples_kept", before=limit.isoformat(), periods=len(kept_for), run="aggregate --stale")
    first_kept = max(first_kept, state.samples_purged_before or date.min)
    if dry_run:
        samples, days = (model.objects.filter(collected_on__lt=first_kept).count() for model in MODELS)
    else:
        # Told first, so that no run begins to read what is about to go.
        CapacityState.objects.filter(pk=state.pk).update(samples_purged_before=first_kept)
        # A run that began before that reads them still: they go with the next purge.
        reading = _runs_of_periods_before(first_kept)
        if reading:
            return PurgeResult(first_kept, 0, 0, sessions, kept_for, reading)
        samples, days = (_delete(model, first_kept) for model in MODELS)
    return PurgeResult(first_kept, samples, days, sessions, kept_for)


def _runs_of_periods_before(first_kept: date) -> tuple[str, ...]:
    """The ids of open aggregation sessions whose period, or the one before it, begins before that day."""
    found = []
    for session in SyncSession.objects.open().filter(sync_category=SyncCategory.AGGREGATION):
        start = session.details.get("period_start")
        period = start and Period.containing(session.details["period_type"], date.fromisoformat(start))
        if period and period.previous().start < first_kept:
            found.append(str(session.session_id))
    return tuple(found)


def _delete(model: type[DatabaseSizeStat] | type[InstanceSizeStat], before: date) -> int:
    """By instances, as the index leads with them: a search by the day alone would read every sample."""
    ids = list(Instance.objects.order_by("pk").values_list("pk", flat=True))
    deleted = 0
    for first in range(0, len(ids), INSTANCES):
        old = model.objects.filter(instance__in=ids[first : first + INSTANCES], collected_on__lt=before)
        # In no order: sorted, each batch would read all that is still to go.
        deleted += delete_in_batches(old.order_by(), BATCH)
    return deleted

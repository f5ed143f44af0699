from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, Subquery, When
from django.db.models.functions import Now

from .choices import OPEN_RECORD, OPEN_SESSION, RecordStatus, SessionStatus, SyncType


class SyncSessionQuerySet(models.QuerySet[Any]):
    def pending(self) -> "SyncSessionQuerySet":
        return self.filter(status=SessionStatus.PENDING)

    def running(self) -> "SyncSessionQuerySet":
        return self.filter(status=SessionStatus.RUNNING)

    def open(self) -> "SyncSessionQuerySet":
        """Pending or running: they hold their lock key."""
        return self.filter(status__in=OPEN_SESSION)

    def ended(self) -> "SyncSessionQuerySet":
        return self.exclude(status__in=OPEN_SESSION)

    def over_the_fleet(self) -> "SyncSessionQuerySet":
        """Without those of selected instances, which may have the same lock key."""
        return self.exclude(details__has_key="selected")

    def newest_of_batch(self) -> "SyncSessionQuerySet":
        """Of those that one task or command started, the newest."""
        later = self.model._default_manager.filter(task_id=OuterRef("task_id"), pk__gt=OuterRef("pk"))
        return self.filter(Q(task_id="") | ~Exists(later))

    def by_schedule(self, tags: Sequence[str] = ()) -> "SyncSessionQuerySet":
        """Over the fleet, or of just these tags, and started by a schedule; where there is no broker, by a command, as
        cron does."""
        rows = self.filter(details__tags=list(tags)) if tags else self.over_the_fleet()
        if settings.CELERY_BROKER_URL:
            return rows.filter(sync_type=SyncType.SCHEDULED_TASK)
        return rows.filter(created_by=None)

    def newest_ended(self, lock_key: str) -> "SyncSessionQuerySet":
        """At most one: the last that ended under that key."""
        return self.ended().filter(lock_key=lock_key).order_by("-id")[:1]

    def abandoned(self) -> "SyncSessionQuerySet":
        """Running, but silent for longer than the lease, by the database's clock."""
        lease = timedelta(seconds=settings.WHALEFALL_SESSION_LEASE)
        return self.running().filter(heartbeat_at__lt=Now() - lease)

    def never_started(self) -> "SyncSessionQuerySet":
        """Pending for longer than the queue limit, by the database's clock."""
        limit = timedelta(seconds=settings.WHALEFALL_QUEUE_LIMIT)
        return self.pending().filter(created_at__lt=Now() - limit)

    def last_of(self, runs: Iterable[tuple[str, Sequence[str]]]) -> "SyncSessionQuerySet":
        """The newest of each lock key and tags that has one, of those that a schedule started."""
        newest = (self.by_schedule(tags).filter(lock_key=key).order_by("-pk").values("pk")[:1] for key, tags in runs)
        return self.filter(reduce(or_, (Q(pk=Subquery(one)) for one in newest), Q(pk=None)))


class SyncInstanceRecordQuerySet(models.QuerySet[Any]):
    def unfinished(self) -> "SyncInstanceRecordQuerySet":
        return self.filter(status__in=OPEN_RECORD)

    def worst_first(self) -> "SyncInstanceRecordQuerySet":
        """Failed, cancelled, running, waiting, skipped, completed."""
        order = (
            RecordStatus.FAILED,
            RecordStatus.CANCELLED,
            RecordStatus.RUNNING,
            RecordStatus.PENDING,
            RecordStatus.SKIPPED,
        )
        ranks = [When(status=status, then=rank) for rank, status in enumerate(order)]
        return self.order_by(Case(*ranks, default=len(order)), "id")

    def to_run_again(self) -> "SyncInstanceRecordQuerySet":
        """Failed or cancelled, of instances that are still there and active."""
        return self.filter(status__in=[RecordStatus.FAILED, RecordStatus.CANCELLED], instance__is_active=True)

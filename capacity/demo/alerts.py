"""What the demo's alerts need beside its samples: rules that are on, and nights in which a server did not answer."""

from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from capacity.collection.hosts import HostUnknown
from capacity.models import AlertLevel, AlertRule, Instance, RuleKind, Severity
from capacity.runs.kinds import COLLECTION, category_of, lock_key
from sync_sessions.choices import RecordStatus, SyncType
from sync_sessions.models import SyncSession
from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service

from .fleet import FLEET

#: The one kind that no rule of those that come with the database has.
LARGE = gettext_noop("Database of 4 TiB or more")


def make_rules() -> None:
    """One rule of each kind: those that need a limit are switched on, as the demo has limits."""
    AlertRule.objects.filter(kind__in=[RuleKind.DAYS_UNTIL_FULL, RuleKind.LIMIT_PERCENT]).update(enabled=True)
    AlertRule.objects.get_or_create(
        name=LARGE,
        defaults={
            "kind": RuleKind.SIZE_OVER,
            "level": AlertLevel.DATABASE,
            "threshold": {"bytes": 4 * 2**40},
            "severity": Severity.INFO,
        },
    )


def make_nights(demo_day: date, now: datetime) -> None:
    """A failed scheduled collection for each night since a server has stopped to answer, up to `now`."""
    hosts = {one.name: one for one in FLEET if one.host}
    instances = Instance.objects.filter(name__in=hosts).order_by("name")
    for instance in instances:
        first = demo_day - timedelta(days=(hosts[instance.name].stopped or 0) - 1)
        made = SyncSession.objects.filter(records__instance=instance).values_list("created_at", flat=True)
        for moment in _nights(first, now, set(made)):
            _fail(instance, moment)


def _nights(first: date, now: datetime, made: Collection[datetime]) -> Iterator[datetime]:
    """At three o'clock, when the schedule collects."""
    for age in range((timezone.localdate(now) - first).days + 1):
        at = datetime.combine(first + timedelta(days=age), time(3), timezone.get_default_timezone())
        if at <= now and at not in made:
            yield at


@transaction.atomic
def _fail(instance: Instance, at: datetime) -> None:
    """As a collection leaves it whose host nobody knows any more; the clock of the database is put back."""
    service = sync_session_service
    session = service.create_session(
        sync_type=SyncType.SCHEDULED_TASK,
        sync_category=category_of(COLLECTION),
        lock_key=lock_key(COLLECTION),
        instances=[(instance.pk, instance.name)],
    )
    text = _("The host %(host)s is not known: check its name, and the DNS of this machine.")  # as a collection says it
    error = HostUnknown(text % {"host": instance.host})
    record = service.record_ids(session)[instance.pk]
    details = {"version": 1, "engine": instance.db_type}
    result = RecordResult(
        record, RecordStatus.FAILED, error_code=error.code, error_message=str(error), sync_details=details
    )
    service.fail_instance_records(session, [result])
    service.finish_session(session)
    ended = at + timedelta(seconds=2)
    session.records.update(created_at=at, started_at=at, completed_at=ended)
    SyncSession.objects.filter(pk=session.pk).update(
        created_at=at, started_at=at, heartbeat_at=ended, updated_at=ended, completed_at=ended
    )

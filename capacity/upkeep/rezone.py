"""Moves everything to another time zone, after WHALEFALL_TIME_ZONE was changed on purpose."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from capacity.collection import days, states, storing
from capacity.collection.statements import Source, execute, fetch, write
from capacity.errors import CapacityError, SumOverflow
from capacity.models import (
    CapacityState,
    CarriedDatabase,
    DatabaseDayStat,
    DatabaseSizeAggregation,
    InstanceSizeAggregation,
    InstanceSizeStat,
    StalePeriod,
)
from capacity.runs.faults import error_code
from capacity.schedules import default_schedules
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

BATCH = 5000


class RunsOpen(CapacityError):
    """Runs are under way, which count in the days that are to change."""

    code = "runs_open"


@dataclass(frozen=True)
class Rezoned:
    """What was done."""

    old: str | None  #: the zone until now; None: there never was a sample
    new: str
    samples: int = 0  #: that got another day
    days: int = 0  #: day rows, all derived anew
    deleted_rows: int = 0  #: period rows without any sample left in their period
    stale_periods: int = 0  #: marks that there are now
    crontabs: int = 0  #: that got the new zone

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def schedules_elsewhere() -> QuerySet[PeriodicTask]:
    """The schedules of this product's tasks whose crontab is in another zone than settings.TIME_ZONE."""
    tasks = {default.task for default in default_schedules()}
    return PeriodicTask.objects.filter(task__in=tasks, crontab__isnull=False).exclude(
        crontab__timezone=settings.TIME_ZONE
    )


def rezone() -> Rezoned:
    """Gives every sample its day in settings.TIME_ZONE, and what depends on days what follows from it.

    One transaction, during which nothing else is written:

    - Samples get the date of their moment in the new zone; day rows and states are derived anew.
    - Every period with samples and the one following it are marked stale, for each instance; the rows are as
      they were until they are aggregated (those of inactive instances, until these are active again).
    - Period rows whose period has no sample left are deleted, as no run would ever touch them again.
    - Where samples have been purged, day rows before the first whole day that is left stay as the old zone made
      them, as nothing is left to make others from.
    - Crontabs in the old zone, and those of this product's schedules, get the new one.

    Does nothing about samples that are in that zone already. Raises RunsOpen when a session is open (dead ones
    are failed first) and SumOverflow when a day's total no longer fits, and then changes nothing.
    """
    new = settings.TIME_ZONE
    sync_session_service.fail_stale_sessions()
    with transaction.atomic():
        _lock_out_others()
        _refuse_open_sessions()
        state = CapacityState.objects.first()
        old = None if state is None else state.time_zone
        redated: dict[str, int] = {}
        if state is not None and old != new:
            redated = _redate(state, new)
        return Rezoned(old, new, crontabs=_move_crontabs(old, new), **redated)


def _lock_out_others() -> None:
    """Ingest locks its instances before it asks for the zone: it waits here, and then sees the new one.

    New instances cannot come either. SQLite's write lock does it there.
    """
    if connection.vendor == "postgresql":
        execute("LOCK TABLE instances IN EXCLUSIVE MODE")


def _refuse_open_sessions() -> None:
    session = SyncSession.objects.open().first()
    if session is not None:
        raise RunsOpen(
            _("Nothing is changed: session %(id)s is %(status)s. Wait for its end or cancel it, then run this again.")
            % {"id": session.session_id, "status": session.get_status_display()}
        )


def _redate(state: CapacityState, new: str) -> dict[str, int]:
    if state.samples_purged_before:
        state.samples_purged_before = _first_whole_day(state.samples_purged_before, ZoneInfo(state.time_zone))
    first_kept = state.samples_purged_before or date.min
    kept = (connection.ops.adapt_datefield_value(first_kept),)
    state.time_zone = new
    state.save(update_fields=["time_zone", "samples_purged_before"])
    moved = _move_samples(new)
    _move_not_sized(first_kept)
    try:
        with transaction.atomic():
            day_rows = _derive_days(first_kept, kept)
    except DatabaseError as error:
        if error_code(error) != "sum_overflow":
            raise
        raise SumOverflow(
            _("Nothing is changed: in %(zone)s the sizes of a day add up to more than 2^63-1 bytes.") % {"zone": new}
        ) from None
    with_days = Source(
        "(SELECT instance_id, collected_on FROM instance_size_stats WHERE collected_on >= %s) AS v", kept
    )
    dates = fetch("SELECT DISTINCT collected_on FROM instance_size_stats WHERE collected_on >= %s", kept)
    write(storing.stale_marks((date.fromisoformat(str(day)) for (day,) in dates), with_days))
    return {
        "samples": moved,
        "days": day_rows,
        "deleted_rows": _delete_empty_rows(first_kept),
        "stale_periods": StalePeriod.objects.count(),
    }


def _derive_days(first_kept: date, kept: tuple[Any]) -> int:
    """Derives the day rows of the days that have their samples, and all states; gives how many of instances."""
    for model in (DatabaseDayStat, InstanceSizeStat):
        model.objects.filter(collected_on__gte=first_kept).delete()
    samples = Source("database_size_stats AS s WHERE s.collected_on >= %s", kept)
    having = "SELECT DISTINCT instance_id, collected_on FROM database_day_stats WHERE collected_on >= %s"
    with_rows = Source(f"({having}) AS v", kept)
    count = write(days.database_day_rows(samples), days.instance_day_rows(with_rows, timezone.now()))
    states.rebuild_all()
    return count


def _first_whole_day(day: date, old: ZoneInfo) -> date:
    """The first day in settings.TIME_ZONE that has all of its samples, when `day` was it in the old zone."""
    begins = datetime.combine(day, time.min, old)
    here = begins.astimezone(timezone.get_default_timezone())
    return here.date() if here.time() == time.min else here.date() + timedelta(days=1)


def _move_samples(zone: str) -> int:
    """Dates the samples in that zone; gives how many moved to another day."""
    new_day = "(collected_at AT TIME ZONE %s)::date"
    params = [zone, zone]
    if connection.vendor == "sqlite":
        # Which has no zones.
        connection.connection.create_function("whalefall_day", 2, _day_of_text, deterministic=True)
        new_day = "whalefall_day(collected_at, %s)"
    return execute(f"UPDATE database_size_stats SET collected_on = {new_day} WHERE collected_on <> {new_day}", params)


def _move_not_sized(first_kept: date) -> None:
    """A database that was listed without a size goes where the last sample goes that its instance had on that day.

    Written anew, as moving them one by one would have two of a database on one day in between.
    """
    days_of = InstanceSizeStat.objects.filter(instance=OuterRef("instance"), collected_on=OuterRef("collected_on"))
    listed = CarriedDatabase.objects.filter(collected_on__gte=first_kept).order_by()
    columns = ("instance_id", "database_name", "collected_on", Subquery(days_of.values("collected_at")[:1]))
    here = timezone.get_default_timezone()
    rows = [
        CarriedDatabase(
            instance_id=pk, database_name=name, collected_on=timezone.localdate(last_at, here) if last_at else day
        )
        for pk, name, day, last_at in listed.values_list(*columns)
    ]
    listed.delete()
    CarriedDatabase.objects.bulk_create(rows, ignore_conflicts=True, batch_size=BATCH)


def _day_of_text(moment: str, zone: str) -> str:
    """SQLite has moments as text, in UTC."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date().isoformat()


def _delete_empty_rows(first_kept: date) -> int:
    window = {
        "instance": OuterRef("instance"),
        "collected_on__range": (OuterRef("period_start"), OuterRef("period_end")),
    }
    of_databases = DatabaseDayStat.objects.filter(**window, database_name=OuterRef("database_name"))
    of_instances = InstanceSizeStat.objects.filter(**window)
    deleted = 0
    for rows, source in ((DatabaseSizeAggregation, of_databases), (InstanceSizeAggregation, of_instances)):
        deleted += rows.objects.filter(~Exists(source), period_start__gte=first_kept).delete()[0]
    return deleted


def _move_crontabs(old: str | None, new: str) -> int:
    ours = schedules_elsewhere().values("crontab")
    moving = list(CrontabSchedule.objects.filter(Q(pk__in=ours) | Q(timezone=old or new)).exclude(timezone=new))
    for crontab in moving:
        fields = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
        same = {name: getattr(crontab, name) for name in fields}
        twin = CrontabSchedule.objects.filter(**same, timezone=new).first()
        # save() and delete(), as beat hears of them and not of update().
        if twin is None:
            crontab.timezone = new
            crontab.save()
        else:
            # Two alike would stop `install_schedules`, which looks for the one.
            PeriodicTask.objects.filter(crontab=crontab).update(crontab=twin)
            crontab.delete()
    return len(moving)

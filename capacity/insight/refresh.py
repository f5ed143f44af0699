"""Makes the forecasts and events of instances from their day rows, set-based, and keeps them."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, Subquery

from capacity.models import CapacityLimit, CarriedDatabase, Forecast, ForecastLevel, Instance, InstanceSizeStat
from capacity.querysets import InstanceQuerySet

from .chunk import Chunk
from .events import USUAL_DAYS
from .forecast import WEEKS, forecast
from .limits import limits_that_count
from .rows import forecast_row, store_events, store_forecasts
from .scores import score_forecasts, score_totals
from .series import Target, database_series, fleet_totals, instance_totals, whole_days

HISTORY = timedelta(days=7 * WEEKS - 1)


@dataclass(frozen=True)
class Refreshed:
    """What was done for one instance."""

    forecasts: int  #: of its databases and itself
    new_events: int


def due() -> InstanceQuerySet:
    """The active instances whose day rows or limits changed since their last forecast, or that have none yet."""
    made = Forecast.objects.newest().filter(instance=OuterRef("pk"), level=ForecastLevel.INSTANCE)
    days = InstanceSizeStat.objects.filter(instance=OuterRef("pk"))
    limits = CapacityLimit.objects.filter(instance=OuterRef("pk"))
    return (
        Instance.objects.active()
        .annotate(
            made_at=Subquery(made.values("calculated_at")[:1]), seen=Subquery(made.values("days_changed_at")[:1])
        )
        .filter(
            Q(Exists(days), made_at__isnull=True)
            # Not by the time it was made at: what is written meanwhile is not in it.
            | Exists(days.filter(updated_at__gt=OuterRef("seen")))
            | Exists(limits.filter(updated_at__gt=OuterRef("made_at")))
        )
        .order_by("pk")
    )


@transaction.atomic
def refresh(instance_ids: Collection[int], now: datetime) -> dict[int, Refreshed]:
    """Makes and keeps the forecasts and events of these instances, their databases and the volumes they share.

    Who shares a volume is to be among them (`volume_mates`). Gives what was done for each instance that has day
    rows. About 20 statements; memory: 120 bytes per database and day of a year.
    """
    known = InstanceSizeStat.objects.filter(instance__in=instance_ids).order_by().values("instance_id")
    # Before anything else is read: what is written from here on is looked at again.
    state = {row["instance_id"]: row for row in known.annotate(last=Max("collected_on"), at=Max("updated_at"))}
    if not state:
        return {}
    ids = list(state)
    last_days = [row["last"] for row in state.values()]
    first, last = min(last_days) - HISTORY, max(last_days)
    window = (ids, first, last)
    chunk = Chunk(instance_totals(*window), database_series(*window), _carried(*window), limits_that_count(ids))
    _store_volumes(chunk, now)
    made = [_row(target, chunk, now, state[target[0]]["at"]) for target in chunk.series]
    store_forecasts(Q(instance__in=ids, level__in=[ForecastLevel.DATABASE, ForecastLevel.INSTANCE]), made)
    score_forecasts(ids, last)
    judged = first + timedelta(days=USUAL_DAYS)
    new_events = store_events(ids, judged, chunk.events(judged))
    forecasts = Counter(row.instance_id for row in made)
    return {instance: Refreshed(forecasts[instance], new_events[instance]) for instance in ids}


def refresh_fleet(now: datetime) -> None:
    """Makes and keeps the forecast of all active instances together, and takes back those of volumes that are gone.

    About six statements.
    """
    of = Q(level=ForecastLevel.FLEET)
    gone = Q(level=ForecastLevel.VOLUME) & ~Q(shared_key__in=CapacityLimit.objects.values("shared_key"))
    last = InstanceSizeStat.objects.filter(instance__is_active=True).aggregate(last=Max("collected_on"))["last"]
    with transaction.atomic():
        store_forecasts(gone, [])
        if last is None:
            store_forecasts(of, [])
            return
        totals = fleet_totals(last - HISTORY, last)
        store_forecasts(of, [forecast_row(forecast(whole_days(totals)), now, level=ForecastLevel.FLEET)])
        score_totals(of, totals)


def _row(target: Target, chunk: Chunk, now: datetime, days_changed_at: datetime) -> Forecast:
    instance, database = target
    limit = chunk.limits.get(target)
    return forecast_row(
        chunk.forecast(target),
        now,
        level=ForecastLevel.DATABASE if database else ForecastLevel.INSTANCE,
        days_changed_at=days_changed_at,
        instance_id=instance,
        database_name=database,
        shared_key=limit.shared_key if limit else "",
    )


def _store_volumes(chunk: Chunk, now: datetime) -> None:
    for key, volume in chunk.volumes.items():
        of = Q(level=ForecastLevel.VOLUME, shared_key=key)
        store_forecasts(of, [forecast_row(volume.forecast, now, level=ForecastLevel.VOLUME, shared_key=key)])
        score_totals(of, volume.totals)


def _carried(instance_ids: Collection[int], first: date, last: date) -> dict[Target, set[int]]:
    rows = CarriedDatabase.objects.filter(instance__in=instance_ids, collected_on__range=(first, last))
    days: defaultdict[Target, set[int]] = defaultdict(set)
    for instance, database, day in rows.values_list("instance_id", "database_name", "collected_on"):
        days[instance, database].add(day.toordinal())
    return days

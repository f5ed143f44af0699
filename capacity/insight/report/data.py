"""What the report of a month tells. Reading only; about 25 queries, whatever the fleet. Sizes are bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from capacity.errors import PeriodError
from capacity.insight.forecast import WEEKS, Curve
from capacity.insight.scores import median_error
from capacity.insight.series import added_up_days, whole_days
from capacity.insight.trend import LEAST_POINTS, Trend
from capacity.insight.weeks import weekly_means
from capacity.inventory.selection import Selection
from capacity.models import CapacityEvent, CapacityLimit, Forecast, ForecastLevel, ForecastState, Instance
from capacity.periods import Period, PeriodType
from capacity.units import percent

from .quality import Quality, quality_of
from .sizes import InstanceAtEnd, databases_at_end, instances_at_end, largest, monthly_averages, months_up_to

TOP = 20
FULL_WITHIN = 90
EVENTS_SHOWN = 50
HORIZONS = (90, 180, 365)
SCORED_AFTER = 90  #: days: how good forecasts of so long ago were


@dataclass(frozen=True)
class Change:
    """Of what is known at both ends."""

    bytes: int
    percent: Decimal | None  #: None: it was empty
    compared: int  #: instances


@dataclass(frozen=True)
class DatabaseLine:
    instance_id: int
    instance: str
    database: str
    bytes: int
    change_bytes: int | None  #: against the end of the month before; None: it was not there
    change_percent: Decimal | None


@dataclass(frozen=True)
class InstanceLine:
    instance_id: int
    instance: str
    db_type: str
    databases: int
    bytes: int
    change_bytes: int | None
    change_percent: Decimal | None
    months: Sequence[int | None]  #: the averages of twelve months, this one last


@dataclass(frozen=True)
class EngineLine:
    db_type: str
    instances: int
    databases: int
    bytes: int
    change_bytes: int | None


@dataclass(frozen=True)
class Ahead:
    """What is expected that many days after the last one, and the range of four cases out of five."""

    days: int
    bytes: int
    low: int
    high: int


@dataclass(frozen=True)
class Report:
    month: Period
    is_complete: bool
    tags: tuple[str, ...]
    instances_total: int  #: in the selection
    bytes: int
    databases: int
    month_change: Change | None
    year_change: Change | None
    full_soon_on: date  #: the day that "within 90 days" is counted from
    full_soon: Sequence[Forecast]
    databases_at_end: Sequence[DatabaseLine]  #: all of them, the largest first
    events: Sequence[CapacityEvent]
    events_left: int
    engines: Sequence[EngineLine]
    instances: Sequence[InstanceLine]
    ahead: Sequence[Ahead]
    error_percent: float | None  #: median, of forecasts made 90 days before a day of the last quarter
    quality: Quality

    @property
    def largest(self) -> Sequence[DatabaseLine]:
        return self.databases_at_end[:TOP]

    @property
    def grown(self) -> Sequence[DatabaseLine]:
        """Those that grew most, in bytes."""
        return self._by_change(1)

    @property
    def shrunk(self) -> Sequence[DatabaseLine]:
        return self._by_change(-1)

    def _by_change(self, sign: int) -> Sequence[DatabaseLine]:
        found = [line for line in self.databases_at_end if (line.change_bytes or 0) * sign > 0]
        return sorted(found, key=lambda line: -sign * (line.change_bytes or 0))[:TOP]


def month_of(text: str | None, today: date) -> Period:
    """YYYY-MM; the last complete one without a text. PeriodError."""
    if not text:
        return Period.last_complete(PeriodType.MONTHLY.value, today)
    try:
        if len(text) != 7:
            raise ValueError
        return Period.containing(PeriodType.MONTHLY.value, date.fromisoformat(f"{text}-01"))
    except ValueError:
        raise PeriodError(_("%(month)r is no month: write it as 2025-03.") % {"month": text[:20]}) from None


def make_report(month: Period, selection: Selection, today: date) -> Report:
    """Of the active instances of the selection; UnknownTag, UnknownInstance."""
    chosen = {one.pk: one for one in selection.instances() if one.is_active}
    of = selection.queryset().filter(is_active=True).order_by().values("pk")
    before, year = month.previous(), months_up_to(month, 13)[0]
    now, then = instances_at_end(of, month), instances_at_end(of, before)
    events = CapacityEvent.objects.filter(instance__in=of, day__range=(month.start, month.end))
    shown = list(events.select_related("instance").order_by("-day", "instance__name", "database_name")[:EVENTS_SHOWN])
    full_soon_on, full_soon = _full_soon(of, min(month.end, today), today)
    instances = _instances(chosen, now, then, monthly_averages(of, month))
    return Report(
        month=month,
        is_complete=month.is_complete(today),
        tags=selection.tags or (),
        instances_total=len(chosen),
        bytes=sum(one.size for one in now.values()),
        databases=sum(one.databases for one in now.values()),
        month_change=_change(now, then),
        year_change=_change(now, instances_at_end(of, year)),
        full_soon_on=full_soon_on,
        full_soon=full_soon,
        databases_at_end=_databases(chosen, of, month, before),
        events=shown,
        events_left=max(events.count() - len(shown), 0),
        engines=_engines(instances),
        instances=instances,
        ahead=_ahead(of, min(month.end, today)),
        error_percent=median_error(SCORED_AFTER, Q(instance__in=of, made_on__range=_scored(month))),
        quality=quality_of(chosen, of, month, today),
    )


def _change(now: Mapping[int, InstanceAtEnd], then: Mapping[int, InstanceAtEnd]) -> Change | None:
    both = now.keys() & then.keys()
    if not both:
        return None
    old = sum(then[pk].size for pk in both)
    change = sum(now[pk].size for pk in both) - old
    return Change(change, percent(change, old), len(both))


def _databases(chosen: Mapping[int, Instance], of: Any, month: Period, before: Period) -> list[DatabaseLine]:
    now, then = databases_at_end(of, month), databases_at_end(of, before)
    return [
        DatabaseLine(
            target[0],
            chosen[target[0]].name,
            target[1],
            now[target],
            now[target] - then[target] if target in then else None,
            percent(now[target] - then[target], then[target]) if target in then else None,
        )
        for target in largest(now, len(now))
    ]


def _instances(
    chosen: Mapping[int, Instance],
    now: Mapping[int, InstanceAtEnd],
    then: Mapping[int, InstanceAtEnd],
    months: Mapping[int, Sequence[int | None]],
) -> list[InstanceLine]:
    lines = [
        InstanceLine(
            pk,
            chosen[pk].name,
            chosen[pk].db_type,
            end.databases,
            end.size,
            end.size - then[pk].size if pk in then else None,
            percent(end.size - then[pk].size, then[pk].size) if pk in then else None,
            months.get(pk, ()),
        )
        for pk, end in now.items()
    ]
    return sorted(lines, key=lambda line: (-line.bytes, line.instance))


def _engines(instances: Sequence[InstanceLine]) -> list[EngineLine]:
    engines: dict[str, list[InstanceLine]] = {}
    for line in instances:
        engines.setdefault(line.db_type, []).append(line)
    found = []
    for db_type, lines in engines.items():
        changes = [line.change_bytes for line in lines if line.change_bytes is not None]
        total, databases = sum(line.bytes for line in lines), sum(line.databases for line in lines)
        found.append(EngineLine(db_type, len(lines), databases, total, sum(changes) if changes else None))
    return sorted(found, key=lambda line: (-line.bytes, line.db_type))


def _full_soon(of: Any, day: date, today: date) -> tuple[date, list[Forecast]]:
    """What is full within FULL_WITHIN days of a day, and that day; a volume stands for what is on it.

    By the forecasts of the week of `day`, of which one is kept; where there are none, and for this week, by the
    newest ones.
    """
    keys = CapacityLimit.objects.filter(instance__in=of).exclude(shared_key="").values("shared_key")
    own = Q(instance__in=of, shared_key="", level__in=[ForecastLevel.DATABASE, ForecastLevel.INSTANCE])
    rows = Forecast.objects.filter(own | Q(level=ForecastLevel.VOLUME, shared_key__in=keys))
    then = rows.filter(week=day - timedelta(days=day.weekday()))
    if day >= today - timedelta(days=7) or not then.exists():
        day, then = today, rows.newest()
    soon = then.filter(Q(state=ForecastState.OVER) | Q(expected_on__lte=day + timedelta(days=FULL_WITHIN)))
    return day, list(soon.select_related("instance").order_by("expected_on", "instance__name", "database_name"))


def _ahead(of: Any, day: date) -> list[Ahead]:
    """Fitted on the selection's own totals, as the forecast of the fleet is. One query."""
    totals = added_up_days(of, day - timedelta(days=7 * WEEKS - 1), day)
    if not totals:
        return []
    points = weekly_means(whole_days(totals))
    if len(points) < LEAST_POINTS:
        return []
    curve = Curve.of(Trend(points))
    ranges = [(days, curve.at(days)) for days in HORIZONS]
    return [Ahead(days, *(max(round(size), 0) for size in found)) for days, found in ranges]


def _scored(month: Period) -> tuple[date, date]:
    last = month.end - timedelta(days=SCORED_AFTER)
    return last - timedelta(days=91), last

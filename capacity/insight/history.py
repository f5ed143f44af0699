"""The sizes of a few databases and instances over time: for charts, comparison and export. Sizes are bytes.

A series is written ID:NAME (a database of the instance with that id) or ID (the whole instance).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils.translation import gettext as _

from capacity.errors import InputError
from capacity.models import DatabaseDayStat, DatabaseState, Instance, InstanceSizeStat
from capacity.periods import Period, PeriodType

from .growth import SLACK
from .series import Target

MOST_SERIES = 10
MOST_DAYS = 3660
USUAL_DAYS = 90
STEPS: tuple[str, ...] = (PeriodType.DAILY.value, PeriodType.WEEKLY.value, PeriodType.MONTHLY.value)


class HistoryError(InputError):
    """A series, a day or a step that does not exist; `parameter` is the one that is wrong."""

    code = "invalid"

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class Point(NamedTuple):
    """The end of a step: the last size of its last day with a sample."""

    day: date  #: the first one of the step
    size: int
    data: int | None = None
    log: int | None = None


@dataclass(frozen=True)
class Line:
    """A database, or a whole instance (no database name), and its points, the oldest first."""

    instance: Instance
    database_name: str
    points: Sequence[Point] = ()

    @property
    def key(self) -> str:
        return write_target((self.instance.pk, self.database_name))

    @property
    def label(self) -> str:
        return f"{self.instance.name} {self.database_name}".rstrip() if self.database_name else self.instance.name


@dataclass(frozen=True)
class Asked:
    """What is to be shown: at most MOST_SERIES lines, from `first` to `last` (both included), a point per step."""

    lines: tuple[Line, ...]
    first: date
    last: date
    step: str

    @classmethod
    def read(cls, query: Mapping[str, Any], series: Sequence[str], today: date) -> "Asked":
        """From the parameters `series`, `from`, `to` and `step` of an address; HistoryError. Two queries at most.

        Without days it is the last USUAL_DAYS, without a step by day.
        """
        last = _day(query, "to") or today
        first = _day(query, "from") or last - timedelta(days=USUAL_DAYS - 1)
        if first > last:
            raise HistoryError("from", _("The first day is after the last one."))
        if (last - first).days >= MOST_DAYS:
            raise HistoryError("from", _("Ask for at most %(most)d days.") % {"most": MOST_DAYS})
        step = query.get("step") or STEPS[0]
        if step not in STEPS:
            text = _("The step must be one of %(steps)s.")
            raise HistoryError("step", text % {"steps": ", ".join(STEPS)})
        targets = list(dict.fromkeys(map(read_target, series)))
        if len(targets) > MOST_SERIES:
            raise HistoryError("series", _("Ask for at most %(most)d series.") % {"most": MOST_SERIES})
        return cls(tuple(_known(targets)), first, last, step)

    def filled(self) -> "Asked":
        """The same with the points of its lines: two queries, whatever the lines are."""
        points = read_points([(line.instance.pk, line.database_name) for line in self.lines], self.first, self.last)
        return replace(
            self,
            lines=tuple(
                replace(line, points=at_steps(points.get((line.instance.pk, line.database_name), ()), self.step))
                for line in self.lines
            ),
        )


def read_target(text: str) -> Target:
    """ID:NAME or ID; HistoryError."""
    number, _colon, name = text.partition(":")
    if not (number.isascii() and number.isdigit() and len(number) <= 18) or "\x00" in name or len(name) > 255:
        raise HistoryError(
            "series",
            _("%(text)r is no series: give ID:NAME or ID, ID being that of an instance.") % {"text": text[:80]},
        )
    return int(number), name


def write_target(target: Target) -> str:
    instance, database = target
    return f"{instance}:{database}" if database else str(instance)


def _known(targets: Collection[Target]) -> Iterable[Line]:
    """In their order; HistoryError for an instance, or a database of it, that never was."""
    instances = Instance.objects.defer("password").in_bulk([instance for instance, _database in targets])
    databases = {target for target in targets if target[1]}
    if databases:
        rows = DatabaseState.objects.filter(_of(databases)).values_list("instance_id", "database_name")
        databases -= set(rows)
    for instance, database in targets:
        if instance not in instances or (instance, database) in databases:
            text = _("There is no instance or database %(series)s, or it never had a sample.")
            raise HistoryError("series", text % {"series": write_target((instance, database))})
        yield Line(instances[instance], database)


def _of(targets: Iterable[Target]) -> Q:
    return reduce(or_, (Q(instance=instance, database_name=database) for instance, database in targets))


def read_points(targets: Collection[Target], first: date, last: date) -> dict[Target, list[Point]]:
    """{target: a point of each of its days, oldest first}. One query for databases and one for instances."""
    found: dict[Target, list[Point]] = {target: [] for target in targets}
    days = {"collected_on__range": (first, last)}
    if databases := [target for target in targets if target[1]]:
        columns = ("instance_id", "database_name", "collected_on", "last_size_bytes")
        sizes = ("last_data_size_bytes", "last_log_size_bytes")
        rows = DatabaseDayStat.objects.filter(_of(databases), **days).order_by("collected_on")
        for instance, database, *point in rows.values_list(*columns, *sizes):
            found[instance, database].append(Point(*point))
    if instances := [instance for instance, database in targets if not database]:
        totals = InstanceSizeStat.objects.filter(instance__in=instances, **days).order_by("collected_on")
        for instance, *point in totals.values_list("instance_id", "collected_on", "total_size_bytes"):
            found[instance, ""].append(Point(*point))
    return found


def at_steps(points: Iterable[Point], step: str) -> list[Point]:
    """Of points by day, oldest first, the last one of each step, by the first day of the step. Pure."""
    if step == PeriodType.DAILY:
        return list(points)
    ends: dict[date, Point] = {}
    period = None
    for point in points:
        if period is None or point.day > period.end:
            period = Period.containing(step, point.day)
        ends[period.start] = point._replace(day=period.start)
    return list(ends.values())


def steps_between(first: date, last: date, step: str) -> list[date]:
    """The first days of the steps that have a day of first..last. Pure."""
    period, found = Period.containing(step, first), []
    while period.start <= last:
        found.append(period.start)
        period = period.following()
    return found


def _day(query: Mapping[str, Any], name: str) -> date | None:
    text = query.get(name)
    if text in (None, ""):
        return None
    try:
        day = date.fromisoformat(str(text))
    except ValueError:
        day = None
    if day is None or len(str(text)) != 10 or not 11 <= day.year <= 9988:
        raise HistoryError(name, _("Give a day such as 2025-01-31."))
    return day


def size_before(target: Target, last_day: date, days: int) -> int | None:
    """The size that many days before the last one, or up to SLACK earlier; None without a sample. One query."""
    day = last_day - timedelta(days=days)
    found = read_points([target], day - SLACK, day)[target]
    return found[-1].size if found else None

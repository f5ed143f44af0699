"""The sizes of the demo's databases, day by day. Pure: the same numbers for the same first day."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random

from django.utils import timezone

from capacity.collection.samples import Sample
from capacity.models import DbType

from .fleet import HISTORY_DAYS, DemoDatabase, DemoInstance

PAGE = 8192


def samples(
    instance: DemoInstance, instance_id: int, *, demo_day: date, first: date, now: datetime
) -> Iterator[Sample]:
    """A sample per database and day, from `first` to the day of `now`.

    `demo_day` is the day the demo was made on: the history begins 399 days before it, and goes on as the
    days go by.
    """
    today = timezone.localdate(now)
    moments = {}
    for day in _covered(instance, demo_day, today):
        if day >= first:
            at_three = datetime.combine(day, time(3), timezone.get_default_timezone())
            # Before three o'clock today has been measured at its beginning.
            moments[day] = at_three if at_three <= now else datetime.combine(day, time(0), at_three.tzinfo)
    for database in instance.history():
        for day, size in _sizes(database, demo_day, today):
            if day in moments:
                log = _log_size(instance, day, size)
                yield Sample(
                    instance_id,
                    database.name,
                    moments[day],
                    size + (log or 0),
                    size if log is not None else None,
                    log,
                )


def _days(demo_day: date, today: date) -> Iterator[date]:
    start = demo_day - timedelta(days=HISTORY_DAYS - 1)
    return (start + timedelta(days=n) for n in range((today - start).days + 1))


def _covered(instance: DemoInstance, demo_day: date, today: date) -> Iterator[date]:
    """The days on which the instance was measured at all."""
    random = Random(f"{instance.name} covered")
    for day in _days(demo_day, today):
        age = (demo_day - day).days
        missed = random.random() < instance.missed
        # The latest day is there whatever chance says: a demo without a current size looks broken.
        if missed and day != demo_day:
            continue
        if instance.stopped is not None and age < instance.stopped:
            return
        if not any(oldest >= age >= newest for oldest, newest in instance.gaps):
            yield day


def _sizes(database: DemoDatabase, demo_day: date, today: date) -> Iterator[tuple[date, int]]:
    """Growth in a straight line with some noise, a swell over the week, and what happens to this database."""
    random = Random(f"{database.name} {database.size}")
    size = float(database.size)
    for day in _days(demo_day, today):
        age = (demo_day - day).days
        size = max(size * random.uniform(0.998, 1.002) + database.growth * random.uniform(-1, 3), PAGE)
        size *= database.changed.get(age, 1)
        if database.appeared is not None and age > database.appeared:
            continue
        if database.vanished is not None and age <= database.vanished:
            return
        swollen = size * (1 + database.week * day.weekday() / 6)
        yield day, int(swollen) // PAGE * PAGE


def _log_size(instance: DemoInstance, day: date, data: int) -> int | None:
    """SQL Server alone has one: it fills up over the week and is cut back on Sundays."""
    if instance.db_type != DbType.SQLSERVER:
        return None
    return int(data * (0.04 + 0.02 * ((day.weekday() + 1) % 7))) // PAGE * PAGE

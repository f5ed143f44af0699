"""Forecasts and events as rows: what is new is written, what no longer holds goes. Sizes are whole bytes."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Q

from capacity.models import CapacityEvent, Forecast
from sync_sessions.records_sql import json_rows

from . import forecast as method
from .events import Event
from .series import Target

LARGEST = 2**63 - 1
BATCH = 500  #: rows of an INSERT


def forecast_row(found: method.Forecast, now: datetime, **target: Any) -> Forecast:
    """An unsaved row; `target`: level and what it is of."""
    ranges = {
        f"{name}_{day}_bytes": _size(getattr(found.ranges[day], name)) if day in found.ranges else None
        for day in method.HORIZONS
        for name in method.Range._fields
    }
    return Forecast(
        **target,
        **ranges,
        week=found.last_day - timedelta(days=found.last_day.weekday()),
        made_on=found.last_day,
        calculated_at=now,
        state=found.state,
        confidence=found.confidence,
        days_covered=found.days,
        level_bytes=_size(found.level),
        weekly_bytes=round(found.weekly),
        spread_bytes=_size(found.spread),
        headroom_bytes=_size(found.headroom),
        limit_bytes=found.limit,
        expected_on=found.expected_on,
        earliest_on=found.earliest_on,
        latest_on=found.latest_on,
        jumps=[{"day": jump.day.isoformat(), "bytes": round(jump.bytes)} for jump in found.jumps],
    )


def _size(size: float) -> int:
    """No size is below 0, whatever a line says; nor is one larger than its column."""
    return min(max(round(size), 0), LARGEST)


def store_forecasts(of: Q, rows: Collection[Forecast]) -> None:
    """Writes the newest forecasts of targets, in place of those of the same week. `of`: the rows of these targets.

    A target without one has none that counts any more.
    """
    Forecast.objects.filter(of, is_newest=True).update(is_newest=False)
    Forecast.objects.filter(of, week__in={row.week for row in rows}).delete()
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        _insert(batch)


def _insert(rows: Sequence[Forecast]) -> None:
    """What bulk_create does, at a third of its cost: it asks every field about every value."""
    fields = [field for field in Forecast._meta.concrete_fields if not field.primary_key]
    adapt = connection.ops.adapt_datetimefield_value

    def cell(value: Any) -> Any:
        return str(adapt(value) if isinstance(value, datetime) else value)  # dates, too: JSON has none

    values = [[getattr(row, field.attname) for field in fields] for row in rows]
    columns = {str(field.column): str(field.db_type(connection)) for field in fields}
    names = ", ".join(columns)
    sql = f"INSERT INTO {Forecast._meta.db_table} ({names}) SELECT {names} FROM {json_rows(columns)} WHERE true"
    with connection.cursor() as cursor:
        # executemany(), as DEBUG keeps the parameters of execute() in memory.
        cursor.executemany(sql, [[json.dumps(values, default=cell)]])


def store_events(instance_ids: Collection[int], first: date, found: dict[Target, list[Event]]) -> Counter[int]:
    """Makes the events of these instances from `first` on those that were found; how many are new, by instance.

    What is there already is not written again.
    """
    there = CapacityEvent.objects.filter(instance__in=instance_ids, day__gte=first)
    known = {(row.instance_id, row.database_name, row.day, row.kind): row for row in there}
    new, changed = [], []
    for row in _event_rows(found):
        same = known.pop((row.instance_id, row.database_name, row.day, row.kind), None)
        if same is None:
            new.append(row)
        elif _values(same) != _values(row):
            row.pk = same.pk
            changed.append(row)
    CapacityEvent.objects.filter(pk__in=[row.pk for row in known.values()]).delete()
    CapacityEvent.objects.bulk_create(new, batch_size=BATCH)
    CapacityEvent.objects.bulk_update(changed, VALUES, batch_size=BATCH)
    return Counter(row.instance_id for row in new)


VALUES = ("before_bytes", "after_bytes", "usual_bytes", "details")


def _values(row: CapacityEvent) -> list[Any]:
    return [getattr(row, name) for name in VALUES]


def _event_rows(found: dict[Target, list[Event]]) -> Iterator[CapacityEvent]:
    for (instance, database), events in found.items():
        for event in events:
            details: dict[str, Any] = {"days_before": [[day.isoformat(), size] for day, size in event.days_before]}
            if not database:
                details["databases"] = sorted(_with_event_on(event.day, instance, found))
            yield CapacityEvent(
                instance_id=instance,
                database_name=database,
                day=event.day,
                kind=event.kind,
                before_bytes=event.before,
                after_bytes=event.after,
                usual_bytes=event.usual,
                details=details,
            )


def _with_event_on(day: date, instance: int, found: dict[Target, list[Event]]) -> Iterable[str]:
    return (
        database
        for (of, database), events in found.items()
        if of == instance and database and any(event.day == day for event in events)
    )

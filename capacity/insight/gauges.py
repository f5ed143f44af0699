"""The state of the whole fleet in a few numbers, for /metrics. Each function is one query or two."""

from datetime import date, datetime
from typing import NamedTuple

from django.db.models import Count, Max

from capacity.models import Forecast, ForecastLevel, ForecastState, Instance, InstanceState, StalePeriod
from capacity.models.state import caught_up_since
from capacity.periods import PERIODS, today
from sync_sessions.models import SyncSession

#: Of the state of an instance, in the order of InstanceGauges.
STATE_COLUMNS = (
    "last_size_bytes",
    "last_database_count",
    "week_change_bytes",
    "month_change_bytes",
    "last_sample_at",
)


def last_sample_at() -> datetime | None:
    """When the newest sample of an active instance was measured."""
    return InstanceState.objects.filter(instance__is_active=True).aggregate(at=Max("last_sample_at"))["at"]


def fleet_bytes() -> int:
    """The sum of the latest day totals of all active instances, in bytes."""
    # Not SUM: on SQLite it fails beyond 2^63-1.
    states = InstanceState.objects.filter(instance__is_active=True)
    return sum(states.order_by().values_list("last_size_bytes", flat=True))


def open_sessions() -> dict[str, int]:
    """How many sessions are pending and running."""
    counts = SyncSession.objects.open().order_by().values_list("status").annotate(n=Count("pk"))
    return dict.fromkeys(("pending", "running"), 0) | dict(counts)


def stale_period_counts() -> tuple[int, int]:
    """Complete periods that the schedule will compute, and those that are too old for it."""
    day = today()
    periods, since = StalePeriod.due(PERIODS, day), caught_up_since(day)
    due = sum(period.end >= since for period in periods)
    return due, len(periods) - due


def active_instances() -> int:
    return Instance.objects.active().count()


class InstanceGauges(NamedTuple):
    """An active instance as it is now; None: there is no sample, nothing to compare with, or no date."""

    name: str
    db_type: str
    size: int | None
    databases: int | None
    week_change: int | None
    month_change: int | None
    last_sample_at: datetime | None
    forecast_state: str | None
    days_until_full: int | None  #: 0 when the limit is reached


def instances(day: date) -> list[InstanceGauges]:
    """Every active instance, by name; `day` is today. Two queries."""
    newest = Forecast.objects.newest().filter(level=ForecastLevel.INSTANCE).order_by()
    forecasts = {pk: (state, on) for pk, state, on in newest.values_list("instance_id", "state", "expected_on")}
    columns = ("pk", "name", "db_type", *(f"state__{name}" for name in STATE_COLUMNS))
    found = []
    for pk, *values in Instance.objects.active().order_by("name").values_list(*columns):
        state, expected_on = forecasts.get(pk, (None, None))
        days = max((expected_on - day).days, 0) if expected_on else None
        found.append(InstanceGauges._make([*values, state, 0 if state == ForecastState.OVER else days]))
    return found

"""How good the forecasts were: when the day has come for which a size was told, the error is written beside it."""

from collections.abc import Collection
from datetime import date, timedelta
from statistics import median
from typing import Any

from django.db.models import DecimalField, F, FloatField, Model, OuterRef, Q, Subquery
from django.db.models.functions import Abs, Cast

from capacity.models import DatabaseDayStat, Forecast, ForecastLevel, InstanceSizeStat

from .forecast import HORIZONS
from .growth import SLACK
from .series import Total

#: A day that came longer ago is not scored any more: there was no sample, or nobody asked.
LOOK_BACK = timedelta(days=31)


def score_forecasts(instance_ids: Collection[int], last: date) -> int:
    """Scores the forecasts of these instances and their databases whose day came up to `last`; gives how many."""
    return sum(
        _score(horizon, last, Q(level=level, instance__in=instance_ids), model, size, **same)
        for horizon in HORIZONS
        for level, model, size, same in (
            (ForecastLevel.DATABASE, DatabaseDayStat, "last_size_bytes", {"database_name": OuterRef("database_name")}),
            (ForecastLevel.INSTANCE, InstanceSizeStat, "total_size_bytes", {}),
        )
    )


def _score(horizon: int, last: date, of: Q, model: type[Model], size: str, **same: Any) -> int:
    waiting, scored = _waiting(horizon, last).filter(of), 0
    # A statement for each day on which forecasts were made: one or two, as one of a week stays.
    for made_on in sorted(set(waiting.order_by().values_list("made_on", flat=True))):
        day = made_on + timedelta(days=horizon)
        days = model._default_manager.filter(
            instance=OuterRef("instance"), collected_on__range=(day - SLACK, day), **same
        )
        actual = Cast(Subquery(days.order_by("-collected_on").values(size)[:1]), FloatField())
        error = 100.0 * Abs(F(f"size_{horizon}_bytes") - actual) / F("level_bytes")
        percent = Cast(error, DecimalField(max_digits=24, decimal_places=2))
        scored += waiting.filter(made_on=made_on).update(**{f"error_{horizon}_percent": percent})
    return scored


def score_totals(of: Q, totals: Collection[Total]) -> None:
    """The same for the forecasts of a volume or the fleet, whose days are these."""
    sizes = {date.fromordinal(total.day): total.size for total in totals}
    for horizon in HORIZONS:
        for row in _waiting(horizon, max(sizes)).filter(of):
            day = row.made_on + timedelta(days=horizon)
            near = [day - timedelta(days=back) for back in range(SLACK.days + 1)]
            actual = next((sizes[one] for one in near if one in sizes), None)
            if actual is not None:
                expected = getattr(row, f"size_{horizon}_bytes")
                error = round(100 * abs(expected - actual) / row.level_bytes, 2)
                Forecast.objects.filter(pk=row.pk).update(**{f"error_{horizon}_percent": error})


def _waiting(horizon: int, last: date) -> Any:
    came = last - timedelta(days=horizon)
    return Forecast.objects.filter(
        made_on__range=(came - LOOK_BACK, came),
        level_bytes__gt=0,
        **{f"size_{horizon}_bytes__isnull": False, f"error_{horizon}_percent__isnull": True},
    )


def median_error(horizon: int, of: Q) -> float | None:
    """How far the scored forecasts of that many days were off, in percent; None when none is scored. One query."""
    name = f"error_{horizon}_percent"
    errors = Forecast.objects.filter(of, **{f"{name}__isnull": False}).order_by().values_list(name, flat=True)
    return float(median(found)) if (found := list(errors)) else None

"""What the pages of a database and of an instance tell alike: a fixed number of queries, however long the past is."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from capacity.admin.runs import may_see_sessions, session_url
from capacity.insight.growth import days_until
from capacity.insight.history import MOST_DAYS, STEPS, USUAL_DAYS, Asked, Line, size_before
from capacity.insight.outlook import Usage, usage_of
from capacity.insight.wording import event_sentence, forecast_sentence, jump_sentences, start_sentences
from capacity.models import CapacityEvent, Forecast, ForecastLevel, ForecastState, Instance
from capacity.models.present import State
from capacity.periods import PeriodType
from capacity.units import format_bytes
from sync_sessions.admin import cells as log
from sync_sessions.admin.page import run_name
from sync_sessions.common.words import listed, told
from sync_sessions.models import SyncInstanceRecord

from .addresses import compare_url, query
from .chart import HORIZONS, size_chart

YEAR = timedelta(days=365)
COVERAGE_DAYS = 30
RECORDS_SHOWN = 10
EVENTS_SHOWN = 20
#: {key: name, days (None: all), the usual step, days of the forecast}
RANGES: dict[str, tuple[Any, int | None, str, int]] = {
    "90": (gettext_lazy("90 days"), USUAL_DAYS, PeriodType.DAILY.value, 90),
    "365": (gettext_lazy("12 months"), 365, PeriodType.WEEKLY.value, 180),
    "all": (gettext_lazy("All"), None, PeriodType.MONTHLY.value, 180),
}


def of(line: Line, state: State, request: HttpRequest, day: date) -> dict[str, Any]:
    """For the template `capacity/sizes/overview.html`; `day` is today."""
    target = (line.instance.pk, line.database_name)
    level = ForecastLevel.DATABASE if line.database_name else ForecastLevel.INSTANCE
    forecast = Forecast.objects.newest().filter(level=level, instance=target[0], database_name=target[1]).first()
    used = usage_of([target]).get(target)
    events = list(
        CapacityEvent.objects.filter(instance=target[0], database_name=target[1]).order_by("-day")[:EVENTS_SHOWN]
    )
    chosen, step = _choice(request)
    _name, days, usual, ahead = RANGES[chosen]
    first = max(
        state.first_day if days is None else day - timedelta(days=days - 1), day - timedelta(days=MOST_DAYS - 1)
    )
    asked = Asked((line,), first, day, step or usual).filled()
    return {
        "before_year": size_before(target, state.last_day, YEAR.days),
        "chart": size_chart(
            asked,
            forecast=forecast,
            events=[event for event in events if event.day >= first],
            limit=used.limit_bytes if used and not used.limit.shared_key else None,
            ahead=ahead,
        ),
        "ranges": _choices("range", chosen, {key: name for key, (name, *_rest) in RANGES.items()}, step=step),
        "steps": _choices("step", asked.step, {key: PeriodType(key).label for key in STEPS}, range=chosen),
        "usage": used.sentence() if used else "",
        "forecast": forecast and _forecast(forecast, used, state.last_size_bytes),
        "events": [{"day": event.day, "kind": event.kind, "text": event_sentence(event)} for event in events],
        "compare_url": compare_url(asked),
        "csv_url": compare_url(asked, format="csv"),
    }


def _choice(request: HttpRequest) -> tuple[str, str]:
    """The range, and the step if one is asked for; what is not known is not asked for."""
    chosen, step = request.GET.get("range", ""), request.GET.get("step", "")
    return chosen if chosen in RANGES else next(iter(RANGES)), step if step in STEPS else ""


def _choices(name: str, chosen: str, labels: Mapping[str, Any], **others: str) -> list[dict[str, Any]]:
    kept = {key: value for key, value in others.items() if value}
    return [
        {"label": label, "chosen": key == chosen, "query": query({**kept, name: key})} for key, label in labels.items()
    ]


def _forecast(row: Forecast, used: Usage | None, last_size: int) -> dict[str, Any]:
    ahead = []
    if row.size_30_bytes is not None:
        ahead = [
            {
                "days": days,
                "size": format_bytes(getattr(row, f"size_{days}_bytes")),
                "low": format_bytes(getattr(row, f"low_{days}_bytes")),
                "high": format_bytes(getattr(row, f"high_{days}_bytes")),
            }
            for days in HORIZONS
        ]
    return {
        "sentence": _("no date yet: the limit came after this forecast, the next one has it")
        if used and row.state == ForecastState.NO_LIMIT
        else forecast_sentence(row),
        "jumps": [*jump_sentences(row), *start_sentences(row, last_size)] if ahead else jump_sentences(row),
        "confidence": row.get_confidence_display() if ahead else "",
        "made_on": row.made_on,
        "ahead": ahead,
    }


def coverage(sizes: Mapping[date, int], last: date) -> dict[str, Any]:
    """A mark per day, and the same in words. `sizes` of the days that have a sample."""
    days = days_until(last, COVERAGE_DAYS)
    missing = [formats.date_format(day) for day in days if day not in sizes]
    covered = len(days) - len(missing)
    text = ngettext(
        "%(covered)d of the last %(days)d days has a sample.",
        "%(covered)d of the last %(days)d days have a sample.",
        covered,
    )
    return {
        "marks": [_mark(day, sizes.get(day)) for day in days],
        "text": text % {"covered": covered, "days": len(days)},
        "missing": listed(missing) if covered else "",
    }


def _mark(day: date, size: int | None) -> dict[str, str]:
    said = _("no sample") if size is None else format_bytes(size)
    return {
        "tooltip": told(formats.date_format(day), said),
        "color": "bg-red-400 dark:bg-red-600" if size is None else "bg-green-500",
    }


def records(instance: Instance, request: HttpRequest) -> list[dict[str, Any]]:
    """The newest of an instance first, each with a link to its session for those who may see it."""
    rows = SyncInstanceRecord.objects.filter(instance=instance).select_related("session").order_by("-id")
    linked = may_see_sessions(request)
    return [
        {
            "badge": log.badge(row),
            "run": run_name(row.session),
            "at": log.moment(row.completed_at or row.started_at or row.created_at),
            "reason": log.reason(row),
            "url": session_url(row.session) if linked else "",
        }
        for row in rows.defer("sync_details")[:RECORDS_SHOWN]
    ]

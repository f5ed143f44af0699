"""Forecasts and events in words, in the language of the reader. Each function is pure and gives a sentence."""

from datetime import date

from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from capacity.models import CapacityEvent, EventKind, Forecast, ForecastLevel, ForecastState
from capacity.units import format_bytes

from .trend import LEAST_POINTS

MONTH = 30  #: days
#: From this part of its size on, the distance between the last size and the mean of the last week is told.
STARTS_ELSEWHERE = 0.05


def forecast_sentence(row: Forecast) -> str:
    """When it is full, or why there is no date: "full between 3 and 29 March 2027, most likely 12 March"."""
    if row.shared_key and row.level != ForecastLevel.VOLUME:
        return _("%(sentence)s (volume %(name)s)") % {"sentence": _of_volume(row), "name": row.shared_key}
    match row.state:
        case ForecastState.TOO_LITTLE_HISTORY:
            return _("collecting, %(days)d of %(needed)d days") % _days(row)
        case ForecastState.FLAT:
            return _("no date: the size stays the same")
        case ForecastState.SHRINKING:
            return _("no date: it %(change)s") % {"change": _change(row)}
        case ForecastState.GROWING_SLOWLY:
            return _("no date: not full within two years, it %(change)s") % {"change": _change(row)}
        case ForecastState.NO_LIMIT:
            return _("no date: no limit is known; it %(change)s") % {"change": _change(row)}
        case _other:
            return _full_or_loaded(row)


def _of_volume(row: Forecast) -> str:
    match row.state:
        case ForecastState.TOO_LITTLE_HISTORY:
            return _("collecting: the volume has less than %(needed)d days") % _days(row)
        case ForecastState.FLAT:
            return _("no date: the volume stays the same")
        case ForecastState.SHRINKING:
            return _("no date: the volume shrinks")
        case ForecastState.GROWING_SLOWLY:
            return _("no date: the volume is not full within two years")
        case _other:
            return _full_or_loaded(row)


def _full_or_loaded(row: Forecast) -> str:
    if row.state == ForecastState.OVER:
        return _("full: the limit of %(limit)s is reached") % {"limit": format_bytes(row.limit_bytes or 0)}
    if row.state == ForecastState.NEW:
        loaded = _("being loaded")
        if not row.expected_on:
            return loaded
        words = {"loaded": loaded, "day": _full_date(row.expected_on)}
        return _("%(loaded)s; if that goes on, full on %(day)s") % words
    assert row.expected_on and row.earliest_on
    return _full_between(row.earliest_on, row.expected_on, row.latest_on)


def _full_between(first: date, likely: date, last: date | None) -> str:
    if last is None:
        words = {"first": _full_date(first), "likely": _full_date(likely)}
        return _("full on %(first)s or later, most likely %(likely)s; the latest day is open") % words
    if first.year != last.year:
        formats = (pgettext("a date", "j F Y"),) * 3
    elif first.month != last.month:
        formats = (
            pgettext("first of two dates in a year", "j F"),
            pgettext("second of two dates in a year", "j F Y"),
            pgettext("a date whose year is known", "j F"),
        )
    else:
        formats = (
            pgettext("first of two dates in a month", "j"),
            pgettext("second of two dates in a month", "j F Y"),
            pgettext("a date whose year is known", "j F"),
        )
    words = {
        "first": date_format(first, formats[0]),
        "last": date_format(last, formats[1]),
        "likely": date_format(likely, formats[2]),
    }
    if first == last:
        return _("full on %(day)s") % {"day": _full_date(likely)}
    return _("full between %(first)s and %(last)s, most likely %(likely)s") % words


def _full_date(day: date) -> str:
    return date_format(day, pgettext("a date", "j F Y"))


def _days(row: Forecast) -> dict[str, int]:
    return {"days": row.days_covered, "needed": 7 * LEAST_POINTS}


def _change(row: Forecast) -> str:
    monthly = round(row.weekly_bytes * MONTH / 7)
    if monthly == 0:
        return _("stays the same")
    words = {"change": format_bytes(abs(monthly))}
    return (_("grows by %(change)s a month") if monthly > 0 else _("shrinks by %(change)s a month")) % words


def jump_sentences(row: Forecast) -> list[str]:
    """What was taken out of the growth, each with its day and size."""
    return [
        (
            _("loaded on %(day)s (%(size)s), taken out of the growth")
            if jump["bytes"] > 0
            else _("purged on %(day)s (%(size)s), taken out of the growth")
        )
        % {"day": _full_date(date.fromisoformat(jump["day"])), "size": format_bytes(abs(jump["bytes"]))}
        for jump in row.jumps
    ]


def start_sentences(row: Forecast, last_size: int) -> list[str]:
    """Where the forecast starts, when that is not the size that stands beside it: after a load or a purge."""
    if abs(last_size - row.level_bytes) < STARTS_ELSEWHERE * row.level_bytes:
        return []
    text = _(
        "it goes by the means of weeks and starts from the last one, %(mean)s, not from the %(size)s of the last day"
    )
    return [text % {"mean": format_bytes(row.level_bytes), "size": format_bytes(last_size)}]


def usage_sentence(used_bytes: int, limit_bytes: int, shared_key: str = "", databases: int = 1) -> str:
    """How much of a limit is used; of a volume, by how many databases: "used 81 % of 2.0 TiB (volume D:, ...)"."""
    words = {"percent": round(100 * used_bytes / limit_bytes), "limit": format_bytes(limit_bytes)}
    used = _("used %(percent)d %% of %(limit)s") % words
    if not shared_key:
        return used
    shared = ngettext(
        "%(used)s (volume %(name)s, used by %(count)d database)",
        "%(used)s (volume %(name)s, shared by %(count)d databases)",
        databases,
    )
    return shared % {"used": used, "name": shared_key, "count": databases}


def score_sentence(horizon: int, percent: float) -> str:
    """How good forecasts have been (`scores.median_error`)."""
    words = {"days": horizon, "percent": f"{percent:.1f}"}
    return _("forecasts of %(days)d days ago were off by %(percent)s %% (median)") % words


def event_sentence(event: CapacityEvent) -> str:
    """What happened, with the usual largest change beside it: "lost 62 %, 120.0 GiB; usual at most 1.0 GiB a day"."""
    words = {
        "after": format_bytes(event.after_bytes),
        "before": format_bytes(event.before_bytes),
        "change": format_bytes(abs(event.change_bytes)),
        "percent": round(100 * abs(event.change_bytes) / event.before_bytes) if event.before_bytes else 100,
        "usual": format_bytes(event.usual_bytes),
    }
    match event.kind:
        case EventKind.APPEARED:
            return _("appeared with %(after)s") % words
        case EventKind.VANISHED:
            return _("vanished; its last size was %(before)s") % words
        case EventKind.JUMP:
            return _("gained %(percent)d %%, %(change)s; usual at most %(usual)s a day") % words
        case _other:
            return _("lost %(percent)d %%, %(change)s; usual at most %(usual)s a day") % words

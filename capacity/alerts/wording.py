"""What an alert says, in the language that is active. Pure: everything is on the alert."""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext as _

from capacity.insight.wording import forecast_sentence
from capacity.models import Alert, Forecast, RuleKind
from capacity.runs.kinds import labels
from capacity.units import format_bytes
from sync_sessions.common.words import noted, told
from sync_sessions.reasons import explain


def target_text(alert: Alert) -> str:
    """Whom it is about: "shop-mysql-01 orders", or the fleet."""
    return " ".join(part for part in (alert.instance_name, alert.database_name) if part) or _("the fleet")


def title(alert: Alert) -> str:
    return told(alert.get_kind_display(), _subject(alert))


def _subject(alert: Alert) -> str:
    facts = alert.params
    if kind := facts.get("kind"):
        return str(labels().get(kind, kind))
    # Default schedules are named in the reader's language.
    return gettext(facts["schedule"]) if facts.get("schedule") else target_text(alert)


def sentence(alert: Alert) -> str:
    """How much, against what; one or two sentences."""
    facts: dict[str, Any] = alert.params
    match alert.kind:
        case RuleKind.DAYS_UNTIL_FULL:
            return _full(facts)
        case RuleKind.LIMIT_PERCENT:
            return _("%(size)s of %(limit)s are used, %(percent)d %%.") % {
                "size": format_bytes(facts["size"]),
                "limit": format_bytes(facts["limit_bytes"]),
                "percent": round(alert.value or 0),
            }
        case RuleKind.SIZE_OVER:
            return _("%(size)s, at or over %(limit)s.") % {
                "size": format_bytes(round(alert.value or 0)),
                "limit": format_bytes(round(alert.threshold_value or 0)),
            }
        case RuleKind.GROWTH:
            text = ngettext(
                "Grown by %(grown)s (%(percent).1f %%) in %(days)d day, to %(size)s.",
                "Grown by %(grown)s (%(percent).1f %%) in %(days)d days, to %(size)s.",
                facts["days"],
            )
            return text % {
                "grown": format_bytes(facts["grown"]),
                "percent": alert.value or 0,
                "days": facts["days"],
                "size": format_bytes(facts["size"]),
            }
        case RuleKind.JUMP | RuleKind.DROP:
            return _("%(change)s on %(day)s: from %(before)s to %(after)s. The usual largest change is %(usual)s.") % {
                "change": format_bytes(facts["after"] - facts["before"], sign=True),
                "day": day_text(facts["day"]),
                "before": format_bytes(facts["before"]),
                "after": format_bytes(facts["after"]),
                "usual": format_bytes(facts["usual"] or 0),
            }
        case RuleKind.NOT_COLLECTED:
            if not facts.get("last"):
                return _("It has never sent a sample.")
            return _("Its last sample is of %(moment)s.") % {"moment": moment_text(facts["last"])}
        case RuleKind.RUN_FAILED:
            return f"{_failed(alert)} {_why(facts)}".strip()
        case RuleKind.SCHEDULE_MISSED:
            return _(
                "It should have run at %(moment)s and no session was opened: look whether beat and a worker run."
            ) % {"moment": moment_text(facts["due"])}
    raise ValueError(alert.kind)


def _failed(alert: Alert) -> str:
    """Of a run how many of its instances failed, of an instance how often."""
    if alert.params.get("failed"):
        text = ngettext(
            "%(failed)d of %(total)d instance failed.",
            "%(failed)d of %(total)d instances failed.",
            alert.params["total"],
        )
        return text % alert.params
    times = int(alert.value or 1)
    text = ngettext("Failed %(count)d time running.", "Failed %(count)d times running.", times)
    return text % {"count": times}


def _why(facts: dict[str, Any]) -> str:
    """As it is stored, which is in English; for others behind the sentence of its code, as on the page of the run."""
    stored = facts.get("reason", "")
    if (get_language() or "en").startswith("en"):
        return stored
    return " ".join(filter(None, explain(facts.get("code", ""), stored)))


def _full(facts: dict[str, Any]) -> str:
    """The forecast's own sentence, with the size and the limit."""
    days = {f"{name}_on": _day(facts[f"{name}_on"]) for name in ("expected", "earliest", "latest")}
    row = Forecast(state=facts["state"], limit_bytes=facts["limit_bytes"], **days)
    size = {
        "size": format_bytes(facts.get("size", facts.get("level_bytes", 0))),
        "limit": format_bytes(facts["limit_bytes"] or 0),
    }
    return _("%(forecast)s; %(size)s of %(limit)s now.") % {"forecast": capfirst(forecast_sentence(row)), **size}


def _day(day: str | date | None) -> date | None:
    return parse_date(day) if isinstance(day, str) else day


def day_text(day: str | date) -> str:
    """A day as JSON keeps it, or a date."""
    found = _day(day)
    return date_format(found, "DATE_FORMAT") if found else str(day)


def moment_text(moment: str | datetime) -> str:
    """A moment as JSON keeps it, or a datetime; in the product's zone, which is named."""
    found = parse_datetime(moment) if isinstance(moment, str) else moment
    if found is None:
        return str(moment)
    return noted(date_format(timezone.localtime(found), "DATETIME_FORMAT"), settings.TIME_ZONE)

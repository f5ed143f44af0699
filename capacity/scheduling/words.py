"""Schedules in words, in the reader's language."""

from datetime import datetime
from zoneinfo import ZoneInfo

from cron_descriptor import FormatException, MissingFieldException, Options, WrongArgumentException, get_description
from django.conf import settings
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from capacity.periods import Period, period_config
from sync_sessions.choices import Scope
from sync_sessions.common.words import days_text, listed, told

from .job import Job, What
from .reading import Reading
from .times import Frequency, When


def what_words(what: What) -> str:
    words = _job_words(what)
    if not what.tags:
        return words
    text = ngettext(
        "%(what)s; only instances with the tag %(tags)s",
        "%(what)s; only instances with one of the tags %(tags)s",
        len(what.tags),
    )
    return text % {"what": words, "tags": listed(what.tags)}


def _job_words(what: What) -> str:
    match what.job:
        case Job.COLLECT:
            return _("Collect from every active instance that has a host")
        case Job.INSIGHT:
            return _("Make forecasts and find events of the instances with new day rows")
        case Job.TABLES:
            return _("Measure the largest tables of the databases that jumped, dropped or appeared")
        case Job.PURGE:
            return _("Delete samples and sessions older than their retention")
        case Job.REAP:
            return _("Fail the sessions whose process has died")
        case Job.AGGREGATE:
            labels = listed(str(period_config(key).label) for key in what.periods)
            return _("Aggregate: %(periods)s (%(scope)s)") % {"periods": labels, "scope": Scope(what.scope).label}
        case _:
            return str(Job(what.job).label)


def when_words(when: When, zone: ZoneInfo | str) -> str:
    values = {"time": f"{when.at:%H:%M}", "zone": zone, "day": when.day}
    match when.frequency:
        case Frequency.HOURLY:
            text = ngettext(
                "every hour at minute %(minute)d, %(zone)s",
                "every %(hours)d hours from midnight on, at minute %(minute)d, %(zone)s",
                when.every,
            )
            return text % {**values, "hours": when.every, "minute": when.at.minute}
        case Frequency.WEEKLY:
            days = listed(str(WEEKDAYS[day - 1]) for day in when.weekdays)
            return _("every %(days)s at %(time)s, %(zone)s") % {**values, "days": days}
        case Frequency.MONTHLY:
            return _("on day %(day)d of every month at %(time)s, %(zone)s") % values
        case Frequency.QUARTERLY:
            months = listed(str(MONTHS[month]) for month in when.months)
            return _("on day %(day)d of %(months)s at %(time)s, %(zone)s") % {**values, "months": months}
        case _:
            return _("every day at %(time)s, %(zone)s") % values


def sentence(what: What, when: When) -> str:
    """What is done and when, of a schedule in the product's zone."""
    return _("%(what)s, %(when)s.") % {"what": what_words(what), "when": when_words(when, settings.TIME_ZONE)}


def row_what(reading: Reading, task: PeriodicTask) -> str:
    """What any row does, also one that the form cannot show."""
    return what_words(reading.what) if reading.what else _("Task %(name)s") % {"name": task.task}


def row_when(reading: Reading, task: PeriodicTask) -> str:
    if reading.when and reading.zone:
        return when_words(reading.when, reading.zone)
    if reading.crontab:
        every = reading.crontab
        if every == every._replace(minute="*", hour="*", day_of_week="*", day_of_month="*", month_of_year="*"):
            return _("every minute")
        order = every.minute, every.hour, every.day_of_month, every.month_of_year, every.day_of_week
        fields = " ".join(order)
        text = _("crontab %(fields)s, %(zone)s") % {"fields": fields, "zone": reading.zone}
        said = _described(fields)
        return told(said, text) if said else text
    rhythm = task.interval or task.solar or task.clocked
    return str(rhythm) if rhythm else _("never: it has no times")


def _described(fields: str) -> str:
    """A crontab in English words; "" for readers of other languages, in which cron-descriptor's days are English."""
    if not (get_language() or "en").startswith("en"):
        return ""
    options = Options()
    options.use_24hour_time_format = True
    try:
        return get_description(fields, options)
    except (FormatException, MissingFieldException, WrongArgumentException):
        return ""  # celery takes more than it does


def moment_words(at: datetime) -> str:
    """In the reader's format, the weekday first; in the zone that it is in, which is named."""
    values = {"weekday": date_format(at, "D"), "moment": date_format(at, "DATETIME_FORMAT"), "zone": at.tzinfo}
    return pgettext("a moment in time", "%(weekday)s, %(moment)s (%(zone)s)") % values


def period_words(period: Period) -> str:
    """Its type and its days, both ends included."""
    return told(period_config(period.type).label, days_text(period.start, period.end))

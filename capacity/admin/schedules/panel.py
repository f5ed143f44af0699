"""What stands above the form of a schedule: the sentence, the next runs and what each computes."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from capacity.models import Schedule
from capacity.scheduling.reading import read
from capacity.scheduling.upcoming import Run, next_runs, warnings
from capacity.scheduling.words import moment_words, period_words, row_what, row_when, sentence
from sync_sessions.choices import Scope

from .form import ScheduleForm
from .listing import session_cell


def form_panel(form: ScheduleForm, now: datetime) -> dict[str, Any] | None:
    """The preview of what is typed or stored; None while there is nothing to say."""
    plan = form.plan()
    if plan is None:
        return None
    what, when = plan
    home = ZoneInfo(settings.TIME_ZONE)
    runs = next_runs(what, when.crontab(), home, now, home)
    return {
        "sentence": sentence(what, when),
        "preview": form.is_preview,
        "warnings": warnings(what, when, now, home),
        "off": not (form.cleaned_data["enabled"] if form.is_bound else form.instance.enabled),
        "catches_up": bool(what.periods) and what.scope == Scope.ALL,
        "session": "" if form.is_bound or not form.instance.pk else session_cell(form.instance),
        **_rows(runs),
    }


def row_panel(request: HttpRequest, row: Schedule, now: datetime) -> dict[str, Any]:
    """The preview of a row that is only looked at: the form cannot show it, or the reader may not change it."""
    reading, runs = read(row), []
    if reading.crontab and reading.zone and not reading.bounded:
        runs = next_runs(reading.what, reading.crontab, reading.zone, now, ZoneInfo(settings.TIME_ZONE))
    words = {"what": row_what(reading, row), "when": row_when(reading, row)}
    raw = reverse("admin:django_celery_beat_periodictask_change", args=[row.pk])
    return {
        "sentence": _("%(what)s, %(when)s.") % words,
        "problem": reading.problem,
        "raw": raw if reading.problem and request.user.is_superuser else "",
        "off": not row.enabled,
        "catches_up": bool(reading.what and reading.what.periods and reading.what.scope == Scope.ALL),
        "session": session_cell(row),
        **_rows(runs),
    }


def _rows(runs: list[Run]) -> dict[str, Any]:
    rows = [{"at": moment_words(run.at), "periods": [period_words(one) for one in run.periods]} for run in runs]
    return {"rows": rows, "computes": any(run.periods for run in runs)}

"""The list of schedules: what there is to say of each now, asked for once for the whole page."""

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from capacity.scheduling.overview import Overview, overviews
from capacity.scheduling.words import moment_words
from sync_sessions.common.admin.base import ListedFilters
from sync_sessions.common.statuses import VARIANTS
from sync_sessions.common.words import listed


class ScheduleChangeList(ListedFilters):
    """Each of its rows has its `overview`, and `may_run`: whether the reader may run it now."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        allowed = request.user.has_perm("capacity.trigger_aggregation")
        for row, overview in zip(rows, overviews(rows, timezone.now()), strict=True):
            row.overview = overview
            row.may_run = allowed and bool(overview.reading.what and overview.reading.what.can_run_now)
        self.result_list = rows


def overview_of(schedule: Any) -> Overview:
    """The list has it on its rows; the pages of one ask."""
    if not hasattr(schedule, "overview"):
        schedule.overview = overviews([schedule], timezone.now())[0]
    return schedule.overview


def run_now_url(schedule: Any) -> str:
    return reverse("admin:capacity_schedule_run_now", args=[schedule.pk])


def next_run_cell(schedule: Any) -> Any:
    if not schedule.enabled:
        return _("none: it is off")
    overview = overview_of(schedule)
    if overview.runs:
        return moment_words(overview.runs[0].at)
    return _("unknown") if overview.reading.bounded or not overview.reading.crontab else _("never")


def fired_words(schedule: Any) -> str:
    """When beat last sent its task, whether or not there was anything to do; "" if never, as far as is known."""
    return moment_words(timezone.localtime(schedule.last_run_at)) if schedule.last_run_at else ""


def session_cell(schedule: Any) -> SafeString:
    """The last session: a link, its status in words and colour, its age; when beat last fired it, as there may
    have been nothing to do; and a hint when a run did not come."""
    overview = overview_of(schedule)
    session = overview.session
    context = {
        "session": session,
        "colour": VARIANTS[session.status] if session else "",
        "at": moment_words(timezone.localtime(session.created_at)) if session else "",
        "age": timesince(session.created_at) if session else "",
        "fired": fired_words(schedule),
        "opens": bool(overview.reading.what and overview.reading.what.lock_keys),
        "missed": moment_words(timezone.localtime(overview.missed)) if overview.missed else "",
    }
    return render_to_string("capacity/schedule/last_session.html", context)


def unknown_tags_words(overview: Overview) -> str:
    """Why it fails each time; "" when it does not."""
    if not overview.unknown_tags:
        return ""
    text = _("There is no tag named %(names)s, so it does nothing: choose another one.")
    return text % {"names": listed(overview.unknown_tags)}


def problem_cell(text: str, problem: str) -> SafeString:
    """A text, with what is wrong below it."""
    if not problem:
        return format_html("{}", text)
    return format_html(
        '<span class="block">{}</span><span class="block text-xs text-orange-700 dark:text-orange-400">{}</span>',
        text,
        problem,
    )

"""Statuses, progress and times as the pages of the run log show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sync_sessions.choices import OPEN_SESSION, RecordStatus, SyncType
from sync_sessions.common.durations import duration_text
from sync_sessions.common.statuses import VARIANTS
from sync_sessions.common.words import any_of, listed, noted
from sync_sessions.kinds import Kind, all_kinds, kind_of
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.reasons import Reason, explain


@dataclass(frozen=True)
class Segment:
    """A part of the bar. `status` is that of its records, where one filter shows them all."""

    label: str
    count: int
    text: str  #: the count for people
    width: str  #: percent of the bar, for CSS
    color: str  #: a class
    status: str


@dataclass(frozen=True)
class Progress:
    """How far a session is, from its own counters: no query."""

    total: int
    ended: int
    total_text: str
    text: str
    percent: int
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, session: SyncSession) -> "Progress":
        done, skipped, failed = session.successful_instances, session.skipped_instances, session.failed_instances
        total, ended = session.total_instances, done + skipped + failed
        rest, status, color = _("cancelled"), RecordStatus.CANCELLED, "bg-base-400"
        if session.status in OPEN_SESSION:
            rest, status, color = _("waiting"), RecordStatus.PENDING, "bg-base-300 dark:bg-base-700"
        parts = (
            (_("done"), done, "bg-green-600", RecordStatus.COMPLETED),
            (_("skipped"), skipped, "bg-orange-400", RecordStatus.SKIPPED),
            (_("failed"), failed, "bg-red-600", RecordStatus.FAILED),
            (rest, max(total - ended, 0), color, status),
        )
        return cls(
            total,
            ended,
            whole(total),
            _progress_text(ended, total, failed),
            100 * ended // total if total else 0,
            tuple(
                Segment(label, count, whole(count), f"{100 * count / total:.2f}" if total else "0", color, str(status))
                for label, count, color, status in parts
            ),
        )


def whole(number: int) -> str:
    """With the reader's thousands separators."""
    return str(number_format(number, force_grouping=True))


def _progress_text(ended: int, total: int, failed: int) -> str:
    if not total:
        return _("no instances")
    numbers = {"ended": whole(ended), "total": whole(total)}
    text = _("%(ended)s of %(total)s") % numbers
    if not failed:
        return text
    return _("%(progress)s (%(failed)s failed)") % {"progress": text, "failed": whole(failed)}


def nothing_text(session: SyncSession) -> str:
    """Why a session has no instances."""
    kind, tags = kind_of(session.sync_category), session.details.get("tags", ())
    text = ngettext(
        "Only instances with the tag %(tags)s were meant.",
        "Only instances with one of the tags %(tags)s were meant.",
        len(tags),
    )
    return " ".join([str(kind.nothing if kind else Kind.nothing), *([text % {"tags": listed(tags)}] if tags else [])])


def subject(session: SyncSession) -> tuple[str, str]:
    """What it is about: ("Weekly", "Nov. 16, 2026 – Nov. 22, 2026"); empty when there is nothing to say."""
    told = (kind.subject(session.details) for kind in all_kinds())
    word, days = next(filter(any, told), ("", ""))
    return word, days


def subject_text(session: SyncSession) -> str:
    return " ".join(filter(None, subject(session)))


def kind_text(session: SyncSession) -> str:
    """Who started it, and for how many instances or which tags if not for the fleet."""
    count = session.selected
    if tags := session.details.get("tags"):
        return noted(session.get_sync_type_display(), any_of(tags))
    if count is None or session.sync_type not in (SyncType.MANUAL_TASK, SyncType.MANUAL_BATCH):
        return session.get_sync_type_display()
    text = ngettext("Manual, %(count)s selected instance", "Manual, %(count)s selected instances", count)
    return text % {"count": whole(count)}


def scope_text(session: SyncSession) -> str:
    """The levels of a kind of run that has some, else empty."""
    kind = kind_of(session.sync_category)
    return session.get_scope_display() if kind and kind.has_scope else ""


def moment(at: datetime | None) -> str:
    """In the reader's format, with the product's time zone named."""
    if at is None:
        return "–"
    return noted(date_format(timezone.localtime(at), "DATETIME_FORMAT"), settings.TIME_ZONE)


def lasted(thing: SyncSession | SyncInstanceRecord) -> str:
    """From its start to its end, or until now while it is running."""
    if thing.started_at is None:
        return "–"
    seconds = ((thing.completed_at or timezone.now()) - thing.started_at).total_seconds()
    return duration_text(max(seconds, 0))


def reason(thing: SyncSession | SyncInstanceRecord) -> Reason:
    """Why it ended as it did."""
    cancelled = thing.status == RecordStatus.CANCELLED
    return explain(thing.error_code or ("cancelled" if cancelled else ""), thing.error_message)


def badge(thing: SyncSession | SyncInstanceRecord) -> dict[str, str]:
    """Text and variant for the theme's label."""
    return {"text": capfirst(str(thing.get_status_display())), "variant": VARIANTS[thing.status]}


def page_of(model: Any, key: Any) -> str:
    """The address of the page of a row of that model."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[key])


def facts(*pairs: tuple[Any, Any]) -> list[tuple[str, Any]]:
    """(label, value) pairs for a page, without those that have no value."""
    return [(capfirst(str(label)), value) for label, value in pairs if value]

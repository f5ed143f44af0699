"""What the page of a session shows: the part that moves while it runs, and the rest."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sync_sessions.choices import OPEN_SESSION, SessionStatus
from sync_sessions.common.durations import duration_text
from sync_sessions.details import readable
from sync_sessions.kinds import all_kinds, start_permission
from sync_sessions.life import why_queued_runs_wait
from sync_sessions.models import SyncSession

from . import cells

CANCEL = "sync_sessions.cancel_syncsession"
#: On the page of a session that has just been queued; true also when the run has ended and it still stands there.
QUEUED = gettext_lazy("The run was queued.")
PATIENCE = timedelta(seconds=30)  #: a living worker that is free takes a queued session at once
#: Shown elsewhere on the page, or as a link.
SHOWN_APART = {"retry_of", "selected"}


def session_url(session: SyncSession) -> str:
    return cells.page_of(SyncSession, session.pk)


def may_cancel(session: SyncSession, request: HttpRequest) -> bool:
    return session.status in OPEN_SESSION and request.user.has_perm(CANCEL)


def may_retry(session: SyncSession, request: HttpRequest, retries: list[SyncSession]) -> bool:
    """Not again what has been run again: the new session offers what failed there. One query for an ended one."""
    if session.status in OPEN_SESSION or retries or not request.user.has_perm(start_permission()):
        return False
    return session.records.to_run_again().exists()


def live(session: SyncSession, request: HttpRequest) -> dict[str, Any]:
    """Status, progress, times and buttons."""
    progress = cells.Progress.of(session)
    is_open, retries = session.status in OPEN_SESSION, list(session.retries())
    return {
        "session": session,
        "open": is_open,
        "waits": _waiting(session) if session.status == SessionStatus.PENDING else "",
        "cancelled": session.status == SessionStatus.CANCELLED,
        "progress": progress,
        "nothing": "" if is_open or progress.total else cells.nothing_text(session),
        "badge": cells.badge(session),
        "announcement": _("%(status)s: %(progress)s")
        % {"status": session.get_status_display(), "progress": progress.text},
        "reason": cells.reason(session),
        "may_cancel": may_cancel(session, request),
        "may_retry": may_retry(session, request, retries),
        "retries": [(one, session_url(one), cells.badge(one)) for one in retries],
        "times": cells.facts(
            (_("queued at"), _waited(session) and cells.moment(session.created_at)),
            (_("started at"), session.started_at and cells.moment(session.started_at)),
            (_("ended at"), session.completed_at and cells.moment(session.completed_at)),
            (_("duration"), session.started_at and cells.lasted(session)),
            (_("last sign of life"), is_open and _ago(session.heartbeat_at)),
        ),
    }


def _waiting(session: SyncSession) -> str:
    """What a queued run waits for."""
    if why := why_queued_runs_wait():
        return why
    if timezone.now() - session.created_at > PATIENCE:
        return _("The workers are busy: it begins as soon as one is free.")
    return _("It begins as soon as a worker is free.")


def _waited(session: SyncSession) -> bool:
    """Whether it was queued, or still is: one that is run at once begins as it is created."""
    return not session.started_at or session.started_at - session.created_at > timedelta(seconds=1)


def about(session: SyncSession) -> dict[str, Any]:
    """What was asked for, by whom. At most one query."""
    apart = SHOWN_APART.union(*(kind.told_apart(session.details) for kind in all_kinds()))
    kept = {name: value for name, value in session.details.items() if name not in apart}
    return {
        "title": run_name(session),
        "about": cells.facts(
            (_("run"), session.get_sync_category_display()),
            (_("period"), cells.subject_text(session)),
            (_("scope"), cells.scope_text(session)),
            (_("kind"), cells.kind_text(session)),
            (_("started by"), session.created_by or _("a schedule or a command")),
            (_("runs again what failed in"), _retried(session)),
            *((line.label, line.text) for line in readable(kept)),
            (_("session id"), session.session_id),
            (_("task id"), session.task_id),
        ),
    }


def run_name(session: SyncSession) -> str:
    return " ".join(filter(None, [session.get_sync_category_display(), cells.subject_text(session)]))


def _retried(session: SyncSession) -> str:
    """A link to the session that this one runs again."""
    other_id = session.details.get("retry_of")
    if not other_id:
        return ""
    other = SyncSession.objects.filter(session_id=other_id).first()
    return format_html('<a class="text-link" href="{}">{}</a>', session_url(other), other_id) if other else other_id


def _ago(at: Any) -> str:
    if at is None:
        return ""
    seconds = max((timezone.now() - at).total_seconds(), 0)
    return _("%(age)s ago") % {"age": duration_text(seconds)}

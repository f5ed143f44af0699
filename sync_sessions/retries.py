"""Running again what failed, as its kind of run has registered it."""

from datetime import timedelta
from typing import Any

import structlog
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from sync_sessions.common.history import log_change

from .choices import OPEN_SESSION, SyncType
from .errors import SessionAlreadyRunning, SessionNotRetryable
from .kinds import RetryHandler, all_kinds, kind_of
from .models import SyncSession
from .reasons import STALE_REASONS

log = structlog.get_logger(__name__)

SOON = timedelta(hours=6)  #: after this the day is as good as over, or the next run near
MOST_TIMES = 3  #: in a row: what kills every process that takes it up is not worth more of them


def retry_session(session: SyncSession, *, created_by: Any, queue: bool) -> SyncSession:
    """Runs the failed and cancelled instances of an ended session in a new one, which is given back.

    Instances that have been deleted or deactivated since are left out. `queue`: for a worker, else in this
    call. The old session's history says who asked. Raises SessionNotRetryable before anything is written,
    SessionAlreadyRunning, and what the run raises.
    """
    handler, ids = check_retry(session)
    new = handler(session, ids, created_by=created_by, queue=queue)
    log_change(created_by, session, f"Run again in session {new.session_id}.")
    return new


def check_retry(session: SyncSession) -> tuple[RetryHandler, list[int]]:
    """How the session is run again, and the ids of the instances. Raises SessionNotRetryable, with the reason."""
    names = {"id": session.session_id, "status": session.get_status_display()}
    if session.status in OPEN_SESSION:
        text = _("Session %(id)s is %(status)s: wait for its end, or cancel it, before it is run again.")
        raise SessionNotRetryable(text % names, session)
    kind = kind_of(session.sync_category)
    if kind is None:
        raise SessionNotRetryable(_("Session %(id)s is of a kind that cannot be run again.") % names, session)
    ids = list(session.records.to_run_again().order_by("instance_id").values_list("instance_id", flat=True))
    if not ids:
        text = _(
            "Session %(id)s has nothing to run again: no instance that is still there and active failed or was "
            "cancelled."
        )
        raise SessionNotRetryable(text % names, session)
    return kind.retry, [pk for pk in ids if pk is not None]


def take_up_again() -> list[SyncSession]:
    """Has workers do what dead ones have left of scheduled runs, in new sessions that are given back.

    Of kinds that say so (`taken_up`). Only the records that nobody came to: what failed by itself stays failed. What
    is under way again, or was taken up before, is left alone.
    """
    dead = SyncSession.objects.ended().filter(
        sync_category__in=[kind.category for kind in all_kinds() if kind.taken_up],
        sync_type=SyncType.SCHEDULED_TASK,
        error_code__in=[*STALE_REASONS],
        completed_at__gt=Now() - SOON,
    )
    return [new for session in dead.order_by("pk") if (new := _taken_up(session))]


def _taken_up(session: SyncSession) -> SyncSession | None:
    kind = kind_of(session.sync_category)
    left = session.records.filter(error_code__in=[*STALE_REASONS], instance__is_active=True)
    ids = [pk for pk in left.order_by("instance_id").values_list("instance_id", flat=True) if pk is not None]
    if kind is None or not ids or session.retries().exists() or _times_in_a_row(session) >= MOST_TIMES:
        return None
    try:
        new = kind.retry(session, ids, created_by=None, queue=True)
    except SessionAlreadyRunning:
        return None  # asked again in a minute
    log.warning("session.taken_up", session_id=str(session.session_id), by=str(new.session_id), instances=len(ids))
    return new


def _times_in_a_row(session: SyncSession | None) -> int:
    """How many sessions were run again, one after the other, until this one came."""
    times = 0
    while session and (before := session.details.get("retry_of")):
        times += 1
        session = SyncSession.objects.filter(session_id=before).first()
    return times

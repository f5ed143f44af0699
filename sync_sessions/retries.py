"""Running again what failed, as its kind of run has registered it."""

from typing import Any

from django.utils.translation import gettext as _

from sync_sessions.common.history import log_change

from .choices import OPEN_SESSION
from .errors import SessionNotRetryable
from .kinds import RetryHandler, kind_of
from .models import SyncSession


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

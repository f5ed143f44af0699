from celery import shared_task

from .retries import take_up_again
from .services import sync_session_service


@shared_task(name="sync_sessions.fail_stale_sessions")
def fail_stale_sessions() -> dict[str, list[str]]:
    """Every minute: fails the sessions whose process has died, and has what they left taken up (by a worker)."""
    failed, taken_up = sync_session_service.fail_stale_sessions(), take_up_again()
    return {
        "failed": [str(session.session_id) for session in failed],
        "taken_up": [str(session.session_id) for session in taken_up],
    }

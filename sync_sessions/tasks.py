from celery import shared_task

from .services import sync_session_service


@shared_task(name="sync_sessions.fail_stale_sessions")
def fail_stale_sessions() -> dict[str, list[str]]:
    """Every minute: fails the sessions whose process has died."""
    failed = sync_session_service.fail_stale_sessions()
    return {"failed": [str(session.session_id) for session in failed]}

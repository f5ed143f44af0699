"""Runs with a given end, put straight into the log."""

from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service


def failing(key, *instances, reason="no luck", code=""):
    """The last run under that key, in which these instances failed."""
    session = sync_session_service.create_session(
        sync_type="scheduled_task", sync_category=key.partition(":")[0], lock_key=key
    )
    sync_session_service.add_instance_records(session, [(one.pk, one.name) for one in instances])
    ends = [
        RecordResult(record.pk, "failed", error_code=code, error_message=reason) for record in session.records.all()
    ]
    sync_session_service.fail_instance_records(session, ends)
    sync_session_service.finish_session(session)
    return session

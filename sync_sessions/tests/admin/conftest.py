import pytest

from sync_sessions.results import RecordResult
from sync_sessions.services import sync_session_service


@pytest.fixture
def make_instances():
    def make(count):
        from capacity.tests.samples import make_fleet

        return [(one.pk, one.name) for one in make_fleet(count, "2025-06-25")]

    return make


@pytest.fixture
def end_records():
    """Ends the next `count` records of a session: with this status, and RecordResult's further values."""

    def end(session, count, status="completed", **values):
        ids = list(session.records.unfinished().order_by("id").values_list("pk", flat=True)[:count])
        sync_session_service.start_instance_records(session, ids)
        write = (
            sync_session_service.fail_instance_records
            if status == "failed"
            else sync_session_service.complete_instance_records
        )
        write(session, [RecordResult(pk, status, **values) for pk in ids])
        session.refresh_from_db()

    return end

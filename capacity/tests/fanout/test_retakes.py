"""A shared collection whose workers died is taken up again."""

from datetime import timedelta

import pytest
from celery import current_app
from django.db.models.functions import Now

from capacity.collection.service import CollectionService
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service
from sync_sessions.tasks import fail_stale_sessions

from .seen import measured, outcomes, status

pytestmark = [pytest.mark.live, pytest.mark.django_db]


@pytest.fixture
def minute(settings, monkeypatch):
    """What the schedule of every minute does, a lease after the last sign of life; gives the batches it queues."""
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    sent = []
    monkeypatch.setattr(current_app, "send_task", lambda task, args, **options: sent.append(args))

    def pass_by():
        sent.clear()
        SyncSession.objects.running().update(heartbeat_at=Now() - timedelta(hours=1))
        fail_stale_sessions.apply()
        return list(sent)

    return pass_by


def test_what_a_killed_worker_left_is_taken_up_after_the_lease(batches, minute):
    outcomes(batches[0])
    again = minute()

    dead, new = SyncSession.objects.order_by("pk")
    assert (dead.status, dead.error_code) == ("failed", "abandoned")
    assert (new.sync_type, new.details["retry_of"]) == ("scheduled_task", str(dead.session_id))
    assert minute() == []
    for batch in again:
        outcomes(batch)
    new.refresh_from_db()
    assert (new.status, new.total_instances) == ("completed", 3)
    assert measured() == {f"pg-{n}": 1 for n in range(5)}
    assert [outcomes(batch) for batch in batches] == [[]] * 3  # those of the dead worker are delivered after all
    assert minute() == []


def test_what_kills_every_worker_is_taken_up_three_times(batches, minute):
    outcomes(batches[0])
    sessions = []
    for _death in range(6):
        for session_id, _ids in minute()[:1]:
            sync_session_service.claim_session(SyncSession.objects.get(session_id=session_id))
            sessions.append(session_id)
    assert len(sessions) == SyncSession.objects.count() - 1 == 3


def test_a_run_by_hand_is_taken_up_by_hand(fleet, minute):
    session = CollectionService().start(lambda *batch: None, fleet[:2], sync_type="manual_task")
    sync_session_service.claim_session(session)
    assert minute() == []
    assert status() == "failed"

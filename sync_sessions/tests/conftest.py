import pytest
from django.db.models.functions import Now

from sync_sessions.choices import SyncCategory, SyncType
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service


@pytest.fixture
def open_session():
    """Opens a session with records for the given (instance id, name)s; a word names its lock key."""

    def make(lock_key="test", instances=(), **options):
        return sync_session_service.create_session(
            sync_type=SyncType.MANUAL_TASK,
            sync_category=SyncCategory.OTHER,
            lock_key=lock_key,
            instances=instances,
            **options,
        )

    return make


@pytest.fixture
def age():
    """Moves a session's times back by so much, by the database's clock."""

    def move(session, delta):
        SyncSession.objects.filter(pk=session.pk).update(heartbeat_at=Now() - delta, created_at=Now() - delta)

    return move

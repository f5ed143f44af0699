"""A status has one colour, on whatever page it is shown."""

import re

import pytest
from django.urls import reverse

from capacity.schedules import install_schedules
from sync_sessions.choices import SessionStatus
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

PAGES = ("sync_sessions_syncsession_changelist", "capacity_schedule_changelist", "index")
LABEL = r'<(?:span|a)[^>]*class="([^"]*bg-(?:base-500/8|\w+-100)[^"]*)"[^>]*>\s*{}\s*<'
COLOURS = {
    SessionStatus.PENDING: "bg-base-500/8",
    SessionStatus.RUNNING: "bg-blue-100",
    SessionStatus.COMPLETED: "bg-green-100",
    SessionStatus.FAILED: "bg-red-100",
    SessionStatus.CANCELLED: "bg-orange-100",
}


@pytest.mark.parametrize("page", PAGES)
def test_a_session_has_the_colour_of_its_status(admin_client, page):
    install_schedules()
    sync_session_service.create_session(
        sync_type="scheduled_task", sync_category="aggregation", lock_key="aggregation:daily"
    )
    found = {}
    for status in SessionStatus:
        SyncSession.objects.update(status=status)
        html = admin_client.get(reverse(f"admin:{page}")).content.decode()
        classes = re.search(LABEL.format(status.label), html)[1].split()
        found[status] = next(name for name in classes if name.startswith("bg-"))

    assert found == COLOURS

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.urls import reverse

from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

URL = reverse("admin:sync_sessions_syncsession_changelist")


def cancel(client, session):
    answer = client.post(URL, {"action": "cancel", "_selected_action": [session.pk], "index": "0"})
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_an_open_session_is_cancelled_and_the_history_says_so(admin_client, open_session):
    session = open_session()
    assert cancel(admin_client, session) == ["1 session cancelled."]
    assert SyncSession.objects.get().status == "cancelled"
    assert LogEntry.objects.get().get_change_message() == "Cancelled."


def test_an_ended_one_is_left_alone_with_a_message(admin_client, open_session):
    session = open_session()
    sync_session_service.finish_session(session)
    assert cancel(admin_client, session) == [f"Session {session.session_id} cannot be cancelled: it is Completed."]
    assert SyncSession.objects.get().status == "completed"


def test_a_dead_session_is_shown_as_failed(admin_client, open_session, age):
    session = open_session()
    age(session, timedelta(days=1))
    page = admin_client.get(reverse("admin:sync_sessions_syncsession_change", args=[session.pk])).content.decode()
    assert "given no sign of life" in page
    assert SyncSession.objects.get().error_code == "abandoned"


def test_it_needs_its_permission(client, django_user_model, open_session):
    user = django_user_model.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_syncsession"))
    client.force_login(user)
    cancel(client, open_session())
    assert SyncSession.objects.get().status == "running"

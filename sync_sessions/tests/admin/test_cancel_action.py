import re
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


def post(client, *sessions, **more):
    chosen = {"action": "cancel", "_selected_action": [one.pk for one in sessions], "index": "0"}
    return client.post(URL, {**chosen, **more})


def cancel(client, session):
    answer = post(client, session, confirmed="yes")
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_it_asks_first_and_names_the_sessions(admin_client, open_session):
    chosen = open_session("one"), open_session("two", details={"period_type": "weekly"})
    open_session("three")
    answer = post(admin_client, *chosen)
    page = answer.content.decode()
    assert "Cancel 2 sessions? What is done stays" in page
    assert "<li>Other Weekly: Running</li><li>Other: Running</li>" in page
    assert [f'name="_selected_action" value="{one.pk}"' in page for one in chosen] == [True, True]
    assert {one.status for one in SyncSession.objects.all()} == {"running"}
    assert not LogEntry.objects.exists()


def test_the_answer_of_that_page_cancels_them(admin_client, open_session):
    chosen = open_session("one"), open_session("two")
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', post(admin_client, *chosen).content.decode())
    posted = {name: [value for key, value in fields if key == name] for name, _value in fields}
    assert admin_client.post(URL, posted).status_code == 302
    assert {one.status for one in SyncSession.objects.all()} == {"cancelled"}


def test_a_long_choice_is_cut_and_the_rest_counted(admin_client, open_session):
    page = post(admin_client, *[open_session(str(number)) for number in range(23)]).content.decode()
    assert (page.count("<li>Other: Running</li>"), "And 3 more." in page) == (20, True)


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

"""Cancel and "run again" on a session's page: each asks first. What a real run does stands in capacity's tests."""

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.test import Client

from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .pages import address, messages

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(open_session, make_instances):
    return open_session(instances=make_instances(2))


def offered(client, session):
    """The pages that the session's page has a button for."""
    page = client.get(address(session)).content.decode()
    return [name for name in ("cancel", "retry") if f'href="{address(session, name)}"' in page]


def test_an_open_session_can_be_cancelled_and_an_ended_one_run_again(admin_client, session, end_records):
    end_records(session, 1, "failed", error_message="odd")
    assert offered(admin_client, session) == ["cancel"]
    sync_session_service.cancel_session(session)
    assert offered(admin_client, session) == ["retry"]


def test_with_nothing_failed_there_is_nothing_to_run_again(admin_client, session, end_records):
    end_records(session, 2)
    sync_session_service.finish_session(session)
    assert offered(admin_client, session) == []


def test_it_asks_before_it_cancels(admin_client, session):
    page = admin_client.get(address(session, "cancel")).content.decode()
    assert "Cancel this session?" in page and 'method="post"' in page
    assert SyncSession.objects.get().status == "running"


def test_the_answer_cancels_and_the_history_says_who(admin_client, admin_user, session, end_records):
    end_records(session, 1)
    answer = admin_client.post(address(session, "cancel"))
    assert answer.url == address(session)
    assert messages(answer) == ["The session is cancelled."]
    assert SyncSession.objects.get().status == "cancelled"
    assert list(session.records.order_by("id").values_list("status", flat=True)) == ["completed", "cancelled"]
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (admin_user, str(session.pk))
    assert entry.get_change_message() == "Cancelled."


def test_an_ended_one_is_not_cancelled_and_the_sentence_says_why(admin_client, session):
    sync_session_service.finish_session(session)
    answer = admin_client.post(address(session, "cancel"))
    assert answer.url == address(session)
    assert messages(answer) == [f"Session {session.session_id} cannot be cancelled: it is Failed."]
    assert SyncSession.objects.get().status == "failed"
    assert not LogEntry.objects.exists()


def test_what_cannot_be_cancelled_or_run_again_is_said_at_once_not_asked(admin_client, session, end_records):
    answer = admin_client.get(address(session, "retry"))
    assert (answer.url, "wait for its end" in messages(answer)[0]) == (address(session), True)
    end_records(session, 2)
    sync_session_service.finish_session(session)
    SyncSession.objects.update(sync_category="aggregation")
    for name, said in (("cancel", "cannot be cancelled: it is Completed."), ("retry", "has nothing to run again")):
        for ask in (admin_client.get, admin_client.post):
            answer = ask(address(session, name))
            assert answer.url == address(session)
            assert said in messages(answer)[-1]  # those before were not shown yet
    assert (SyncSession.objects.get().status, LogEntry.objects.exists()) == ("completed", False)


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (sync_session_service.cancel_session, "Run what failed or was cancelled again"),
        (sync_session_service.finish_session, "Run what failed again"),
    ],
    ids=["cancelled", "failed"],
)
def test_the_button_says_what_it_runs(admin_client, session, end, text):
    end(session)
    assert text in admin_client.get(address(session)).content.decode()


def test_an_open_one_is_not_run_again_and_the_sentence_says_why(admin_client, session):
    answer = admin_client.post(address(session, "retry"))
    assert answer.url == address(session)
    assert messages(answer) == [
        f"Session {session.session_id} is Running: wait for its end, or cancel it, before it is run again."
    ]
    assert SyncSession.objects.count() == 1


@pytest.mark.parametrize("name", ["cancel", "retry"])
def test_without_the_permission_it_is_neither_offered_nor_done(staff_client, session, name):
    if name == "retry":
        sync_session_service.cancel_session(session)
    before = SyncSession.objects.get().status
    client = staff_client("view_syncsession", "view_syncinstancerecord", "view_instance")
    assert offered(client, session) == []
    for ask in (client.get, client.post):
        answer = ask(address(session, name))
        assert answer.status_code == 403
        assert "ask for that permission" in answer.content.decode()
    assert SyncSession.objects.get().status == before
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(("name", "permission"), [("cancel", "cancel_syncsession"), ("retry", "trigger_aggregation")])
def test_its_permission_is_enough(staff_client, session, name, permission):
    SyncSession.objects.update(sync_category="aggregation")
    if name == "retry":
        sync_session_service.cancel_session(session)
    client = staff_client("view_syncsession", permission)
    assert offered(client, session) == [name]
    assert client.get(address(session, name)).status_code == 200


@pytest.mark.parametrize("name", ["cancel", "retry"])
def test_a_post_from_another_site_does_nothing(admin_user, session, name):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user, settings.AUTHENTICATION_BACKENDS[-1])
    assert client.post(address(session, name)).status_code == 403
    assert SyncSession.objects.get().status == "running"


@pytest.mark.parametrize("name", ["cancel", "retry"])
def test_who_is_not_logged_in_is_sent_to_the_login(client, session, name):
    assert client.post(address(session, name)).url.startswith("/admin/login/")
    assert SyncSession.objects.get().status == "running"

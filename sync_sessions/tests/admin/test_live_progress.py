"""The part of a session's page that moves: it asks for itself every two seconds, until the session has ended."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from sync_sessions.choices import Service
from sync_sessions.life import give_sign
from sync_sessions.models import SignOfLife, SyncSession
from sync_sessions.services import sync_session_service

from .pages import address

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(open_session, make_instances):
    return open_session(instances=make_instances(4))


def live(client, session, seen=0):
    answer = client.get(address(session, "live"), {"seen": seen})
    return answer, answer.content.decode()


def test_while_it_runs_it_asks_again_with_what_was_seen(admin_client, session, end_records):
    end_records(session, 2)
    end_records(session, 1, "failed")
    answer, page = live(admin_client, session)
    assert answer.status_code == 200
    assert f'hx-get="{address(session, "live")}?seen=3" hx-trigger="every 2s" hx-swap="outerHTML"' in page
    assert "3 of 4 (1 failed)" in page
    for counter in ("done: 2", "skipped: 0", "failed: 1", "waiting: 1", "all: 4"):
        assert counter in page
    assert 'style="width: 50.00%" title="done: 2"' in page
    assert 'aria-valuenow="75" aria-valuetext="3 of 4 (1 failed)"' in page


def test_a_waiting_one_asks_again_and_says_what_it_waits_for(admin_client, open_session, age, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    give_sign(Service.WORKER)
    session = open_session(status="pending")
    answer, page = live(admin_client, session)
    assert answer.status_code == 200
    assert 'hx-trigger="every 2s"' in page
    assert "It begins as soon as a worker is free." in page

    age(session, timedelta(seconds=40))
    assert "The workers are busy: it begins as soon as one is free." in live(admin_client, session)[1]


def test_one_without_a_living_worker_says_so_at_once(admin_client, open_session, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    session = open_session(status="pending")
    assert "No worker has ever run" in live(admin_client, session)[1]

    give_sign(Service.WORKER)
    SignOfLife.objects.update(seen_at=Now() - timedelta(seconds=125))
    page = live(admin_client, session)[1]
    assert "No worker has given a sign of life for 2 min 5 s" in page
    assert "as soon as" not in page


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (sync_session_service.finish_session, "Failed"),
        (sync_session_service.cancel_session, "Cancelled"),
        (lambda session: sync_session_service.fail_session(session, "database_error", "disk full"), "Failed"),
    ],
)
def test_the_end_is_shown_and_asked_for_no_more(admin_client, session, end, status):
    end(session)
    answer, page = live(admin_client, session)
    assert answer.status_code == 286
    assert "hx-trigger" not in page
    assert f"{status}: " in page


def test_a_dead_one_is_failed_and_says_why(admin_client, session, age):
    age(session, timedelta(days=1))
    answer, page = live(admin_client, session)
    assert answer.status_code == 286
    assert "given no sign of life" in page
    assert SyncSession.objects.get().error_code == "abandoned"


def test_the_table_is_told_to_follow_only_when_a_record_has_ended(admin_client, session, end_records):
    end_records(session, 2)
    assert live(admin_client, session, seen=0)[0].headers["HX-Trigger"] == "records-moved"
    still, page = live(admin_client, session, seen=2)
    assert "HX-Trigger" not in still.headers
    assert "session-announcement" not in page  # nothing new to read out
    sync_session_service.finish_session(session)
    assert live(admin_client, session, seen=2)[0].headers["HX-Trigger"] == "records-moved"


def test_a_page_left_open_over_a_logout_goes_to_the_login(client, session):
    answer, page = live(client, session)
    assert answer.headers["HX-Redirect"] == address(session)
    assert page == ""


def test_who_may_not_see_sessions_sees_no_progress(staff_client, session):
    client = staff_client("view_syncinstancerecord")
    for page in ("live", "records", "cancel", "retry"):
        assert client.get(address(session, page)).status_code == 404


def test_a_session_that_is_gone_is_not_found(admin_client):
    assert admin_client.get(reverse("admin:sync_sessions_syncsession_live", args=[1])).status_code == 404


def test_the_page_reads_without_javascript(admin_client, session, end_records):
    """The same fragment stands in the page, with a link that loads it anew."""
    end_records(session, 1)
    page = admin_client.get(address(session)).content.decode()
    assert "1 of 4" in page
    assert f'<a href="{address(session)}"' in page and "Refresh" in page
    sync_session_service.finish_session(session)
    assert "Refresh" not in admin_client.get(address(session)).content.decode()


def test_times_name_the_time_zone_and_how_long_it_took(admin_client, session):
    sync_session_service.finish_session(session)
    SyncSession.objects.update(
        started_at="2025-06-25T02:00:00Z", completed_at="2025-06-25T03:01:05Z", created_at="2025-06-25T01:30:00Z"
    )
    page = admin_client.get(address(session)).content.decode()
    for shown in ("June 25, 2025, 9:30 a.m.", "June 25, 2025, 10 a.m.", "June 25, 2025, 11:01 a.m."):
        assert f"{shown} (Asia/Shanghai)" in page
    assert "1 h 1 min" in page


def test_a_running_one_tells_its_last_sign_of_life(admin_client, session):
    SyncSession.objects.update(heartbeat_at=Now() - timedelta(seconds=20))
    _answer, page = live(admin_client, session)
    assert "Last sign of life" in page and "20 s ago" in page

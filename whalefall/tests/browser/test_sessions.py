"""A session's page while its run goes on: it moves by itself, and rests when the run has ended."""

import re

import pytest
from playwright.sync_api import expect

from capacity.tests.samples import make_fleet
from sync_sessions.services import RecordResult, sync_session_service

pytestmark = pytest.mark.django_db(transaction=True)

POLL_MS = 2000


@pytest.fixture
def session():
    """A running session of four instances."""
    instances = [(one.pk, one.name) for one in make_fleet(4, "2025-06-25")]
    return sync_session_service.create_session(
        sync_type="manual_task", sync_category="aggregation", lock_key="aggregation:daily", instances=instances
    )


def end(session, count, status="completed"):
    ids = list(session.records.unfinished().order_by("id").values_list("pk", flat=True)[:count])
    sync_session_service.start_instance_records(session, ids)
    ended = [RecordResult(pk, status, error_message="It is odd.", sync_details={"odd": True}) for pk in ids]
    write = {"failed": sync_session_service.fail_instance_records}
    write.get(status, sync_session_service.complete_instance_records)(session, ended)


def test_the_page_follows_the_run_and_rests_at_its_end(window, session):
    window.visit("sync_sessions_syncsession_change", session.pk)
    polls = []
    window.page.on("request", lambda request: "/live/" in request.url and polls.append(request.url))
    progress, table = window.page.get_by_role("progressbar"), window.page.locator("#records")
    expect(progress).to_have_attribute("aria-valuetext", "0 of 4")

    end(session, 1, "failed")
    expect(progress).to_have_attribute("aria-valuetext", "1 of 4 (1 failed)")
    expect(window.page.get_by_role("status")).to_have_text("Running: 1 of 4 (1 failed)")
    expect(table.get_by_role("link", name="Failed (1)")).to_be_visible()
    table.get_by_text("Details", exact=True).click()
    expect(table.get_by_text("Yes")).to_be_visible()

    end(session, 3)
    expect(progress).to_have_attribute("aria-valuetext", "4 of 4 (1 failed)")
    expect(table.get_by_role("link", name="Completed (3)")).to_be_visible()
    expect(table.get_by_text("Yes").first).to_be_visible()  # what was opened is open still

    sync_session_service.finish_session(session)
    expect(window.page.get_by_role("status")).to_have_text("Failed: 4 of 4 (1 failed)")
    expect(window.page.get_by_role("link", name="Run what failed again")).to_be_visible()
    expect(window.page.get_by_role("link", name="Cancel the session")).to_have_count(0)
    seen = len(polls)
    window.page.wait_for_timeout(2 * POLL_MS)
    assert len(polls) == seen


def test_who_is_logged_out_meanwhile_gets_the_login_and_comes_back(window, session):
    window.visit("sync_sessions_syncsession_change", session.pk)
    window.page.context.clear_cookies()
    window.page.wait_for_url(re.compile("/admin/login/"))
    assert f"next=/admin/sync_sessions/syncsession/{session.pk}/change/" in window.page.url


def test_without_javascript_the_page_is_read_and_the_session_cancelled(open_window, admin_user, session):
    window = open_window(admin_user, java_script_enabled=False)
    window.visit("sync_sessions_syncsession_change", session.pk)
    end(session, 2)
    window.page.get_by_role("link", name="Refresh").click()
    window.says("2 of 4")
    window.page.get_by_role("link", name="Cancel the session").click()
    window.page.get_by_role("button", name="Cancel the session").click()
    window.says("The session is cancelled.")
    window.says("cancelled: 2")

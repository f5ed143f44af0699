"""A session's page while its run goes on: it moves by itself, and rests when the run has ended."""

import re
from threading import Semaphore, Thread

import pytest
from django.db import connection
from playwright.sync_api import expect

from capacity.aggregation.progress import ProgressCallbacks
from capacity.tests.samples import LARGEST, add_sample, make_fleet, run, the
from sync_sessions.models import SyncSession

pytestmark = pytest.mark.django_db(transaction=True)

POLL_MS = 2000


class SlowRun:
    """Aggregates four instances beside the browser, one at a time. The samples of the first are too large."""

    def __init__(self):
        first, *_others = make_fleet(4, "2025-06-25")
        add_sample(first, "app", "2025-06-25", LARGEST)
        self.go_on, self.waits = Semaphore(0), Semaphore(0)
        self.thread = Thread(target=self._work)
        self.thread.start()
        assert self.waits.acquire(timeout=10)
        self.session = SyncSession.objects.get()

    def _work(self):
        try:
            run(the("daily", "2025-06-25"), listeners=ProgressCallbacks(on_start=self._wait))
        finally:
            connection.close()
            self.waits.release()

    def _wait(self, _instances):
        self.waits.release()
        self.go_on.acquire(timeout=60)

    def step(self, count=1):
        """Lets it do so many instances. On return it waits at the next, or has ended."""
        for _number in range(count):
            self.go_on.release()
            assert self.waits.acquire(timeout=10)

    def end(self):
        self.go_on.release(4)
        self.thread.join(timeout=10)
        assert not self.thread.is_alive()


@pytest.fixture
def slow_run(settings):
    settings.WHALEFALL_CHUNK_SIZE = 1
    run = SlowRun()
    yield run
    run.end()


def test_the_page_follows_the_run_and_rests_at_its_end(window, slow_run):
    clock = window.page.clock
    clock.install()
    window.visit("sync_sessions_syncsession_change", slow_run.session.pk)
    polls = []
    window.page.on("request", lambda request: "/live/" in request.url and polls.append(request.url))
    progress, table = window.page.get_by_role("progressbar"), window.page.locator("#records")
    expect(progress).to_have_attribute("aria-valuetext", "0 of 4")

    slow_run.step()
    clock.run_for(POLL_MS)
    expect(progress).to_have_attribute("aria-valuetext", "1 of 4 (1 failed)")
    expect(window.page.get_by_role("status")).to_have_text("Running: 1 of 4 (1 failed)")
    expect(table.get_by_role("link", name="Failed (1)")).to_be_visible()
    table.get_by_text("Details", exact=True).click()
    expect(table.get_by_text("Databases and instances")).to_be_visible()

    slow_run.step(2)
    clock.run_for(POLL_MS)
    expect(progress).to_have_attribute("aria-valuetext", "3 of 4 (1 failed)")
    expect(table.get_by_role("link", name="Completed (2)")).to_be_visible()
    expect(table.get_by_text("Databases and instances").first).to_be_visible()  # what was opened is open still

    slow_run.step()
    clock.run_for(POLL_MS)
    expect(window.page.get_by_role("status")).to_have_text("Failed: 4 of 4 (1 failed)")
    expect(window.page.get_by_role("link", name="Run what failed again")).to_be_visible()
    expect(window.page.get_by_role("link", name="Cancel the session")).to_have_count(0)
    seen = len(polls)
    clock.run_for(10 * POLL_MS)
    window.page.evaluate("fetch('/healthz')")  # all that was asked for before it is in the list by now
    assert len(polls) == seen


def test_who_is_logged_out_meanwhile_gets_the_login_and_comes_back(window, slow_run):
    window.page.clock.install()
    window.visit("sync_sessions_syncsession_change", slow_run.session.pk)
    window.page.context.clear_cookies()
    window.page.clock.run_for(POLL_MS)
    window.page.wait_for_url(re.compile("/admin/login/"))
    assert f"next=/admin/sync_sessions/syncsession/{slow_run.session.pk}/change/" in window.page.url


def test_without_javascript_the_page_is_read_and_the_session_cancelled(open_window, admin_user, slow_run):
    window = open_window(admin_user, java_script_enabled=False)
    window.visit("sync_sessions_syncsession_change", slow_run.session.pk)
    slow_run.step(2)
    window.page.get_by_role("link", name="Refresh").click()
    window.says("2 of 4 (1 failed)")
    window.page.get_by_role("link", name="Cancel the session").click()
    window.page.get_by_role("button", name="Cancel the session").click()
    window.says("The session is cancelled.")
    window.says("cancelled: 2")

"""A headless chromium before the whole site. A test fails on whatever the browser has to complain of.

Marked `browser`, and left out of the run on PostgreSQL: what they add to the tests of the pages is the
browser's side, which is the same there.
"""

import shutil

import pytest
from django.db import connection
from playwright.sync_api import sync_playwright

from .window import Window

SWITCHES = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update"


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker("browser")


@pytest.fixture(scope="package")
def chromium():
    """The browser, once for all tests of this package."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, which never calls Django; only tests do, between its steps.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[f"--{switch}" for switch in [*SWITCHES.split(), "disable-sync"]],
        )
        yield browser
        browser.close()


@pytest.fixture
def open_window(chromium, live_server, client):
    """Opens a window of a fresh browser, logged in as `user` if one is given, in English and 1280 pixels wide.

    Further options are those of a playwright context. What went wrong in any window fails the test at its end.
    """
    if connection.vendor != "sqlite":
        pytest.skip("the browser is the same on every database")
    opened = []

    def open_one(user=None, *, language="en", width=1280, **options):
        options |= {"locale": language, "viewport": {"width": width, "height": 800}, "reduced_motion": "reduce"}
        context = chromium.new_context(base_url=live_server.url, **options)
        context.set_default_timeout(10_000)
        if user:
            client.force_login(user)
            value = client.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": value, "url": live_server.url}])
        window = Window(context.new_page())
        opened.append(window)
        return window

    yield open_one
    for window in opened:
        window.page.context.close()
    assert [trouble for window in opened for trouble in window.troubles] == []


@pytest.fixture
def window(open_window, admin_user):
    """A superuser's window."""
    return open_window(admin_user)

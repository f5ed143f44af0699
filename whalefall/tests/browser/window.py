"""One window of the browser, which writes down all that went wrong in it."""

import re
from contextlib import contextmanager

from django.urls import reverse
from playwright.sync_api import expect

#: Elements that reach beyond the window and are not inside something that scrolls by itself.
STICKING_OUT = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const scrolls = e => e && (/auto|scroll|hidden/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
    return [...document.body.querySelectorAll('*')]
        .filter(e => e.getBoundingClientRect().right > width + 1 && !scrolls(e.parentElement))
        .map(e => e.outerHTML.slice(0, 120)).slice(0, 3);
}"""

#: Fields and buttons that a screen reader has no name for.
NAMELESS = """() => [...document.querySelectorAll(':is(#main, #login-form) :is(input, select, textarea, button)')]
    .filter(e => e.type !== 'hidden' && e.checkVisibility()
        && !e.labels?.length && !e.ariaLabel && !e.getAttribute('aria-labelledby') && !e.title && !e.placeholder
        && !(e.matches('button, [type=submit]') && (e.textContent.trim() || e.value)))
    .map(e => e.outerHTML.slice(0, 160))"""


class Window:
    """`page` is playwright's; `troubles` are errors of the console and of scripts, violations of the content
    security policy, failed requests and dialogs."""

    def __init__(self, page):
        self.page, self.troubles = page, []
        page.on("console", lambda said: said.type == "error" and self.report(f"console: {said.text}"))
        page.on("pageerror", lambda error: self.report(f"script: {error}"))
        page.on("response", lambda answer: answer.status >= 400 and self.report(f"{answer.status}: {answer.url}"))
        page.on("requestfailed", self._request_failed)
        page.on("dialog", self._dialog)

    def report(self, trouble):
        self.troubles.append(f"{trouble} (on {self.page.url})")

    def _request_failed(self, request):
        # Aborted is what the browser itself let go of: a download, or a poll of the page just left.
        if request.failure != "net::ERR_ABORTED":
            self.report(f"{request.failure}: {request.url}")

    def _dialog(self, dialog):
        self.report(f"dialog: {dialog.message}")
        dialog.dismiss()

    @contextmanager
    def expecting(self, status):
        """In here that status is what the test is about: neither it nor the console's line about it is trouble."""
        before = len(self.troubles)
        yield
        expected = re.compile(rf"{status}: |console: .* status of {status} ")
        new = self.troubles[before:]
        assert any(map(expected.match, new)), f"no answer was {status}"
        self.troubles[before:] = [trouble for trouble in new if not expected.match(trouble)]

    def visit(self, name, *args, query=""):
        """Opens a page of the admin by its name, such as "capacity_instance_change"; the address is given back."""
        url = reverse(f"admin:{name}", args=args) + query
        self.page.goto(url)
        return url

    def fill(self, **fields):
        """Types into fields by their labels; a blank of a label is written as _."""
        for label, value in fields.items():
            # A star says that the field is required.
            self.page.get_by_label(re.compile(rf"^\W*{label.replace('_', ' ')}\W*$")).fill(value)

    def press(self, name):
        """A button, or what looks like one."""
        role = self.page.get_by_role
        role("button", name=name, exact=True).or_(role("link", name=name, exact=True)).first.click()

    def log_in(self, username, password):
        """By the form."""
        self.visit("login")
        self.fill(Username=username, Password=password)
        self.press("Log in")

    def choose(self, action):
        """Runs an action on the first row of a list."""
        self.page.locator("input.action-select").first.check()
        self.page.get_by_label("Select action to run").select_option(label=action)
        self.press("Run")

    def download(self, name):
        """The text of the file that this button gives."""
        with self.page.expect_download() as download:
            self.press(name)
        return download.value.path().read_text()

    def says(self, text):
        """Waits for a text on the page."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def resize(self, width):
        """On return the page is laid out anew, its charts too."""
        if self.page.viewport_size["width"] == width:
            return
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def check_layout(self):
        """What sticks out of the window, and what a screen reader has no name for."""
        yield from (f"sticks out: {html}" for html in self.page.evaluate(STICKING_OUT))
        yield from (f"no name: {html}" for html in self.page.evaluate(NAMELESS))

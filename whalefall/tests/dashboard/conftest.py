from html.parser import HTMLParser

import pytest
from django.urls import reverse


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning of Monday 30 June in Shanghai


class Words(HTMLParser):
    """The text of the content, without what only the machine reads."""

    def __init__(self, html):
        super().__init__()
        self.found, self.inside = [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.inside = self.inside or ("id", "dashboard") in attrs

    def handle_data(self, data):
        self.found += data.split() if self.inside else []


@pytest.fixture
def dashboard(admin_client):
    """Opens the page; gives what it was made from, with its `text` and `html`."""

    def open_it(query="", client=admin_client):
        answer = client.get(reverse("admin:index") + query)
        assert answer.status_code == 200
        html = answer.content.decode()
        return answer.context["dashboard"] | {"html": html, "text": " ".join(Words(html).found)}

    return open_it

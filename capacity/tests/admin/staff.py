"""People who log in to the admin, and what its pages say to them."""

import re
from html import unescape

from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from whalefall.tests.people import user_with


def logged_in(*permissions):
    """The client of a member of staff with these permissions and no other."""
    user = user_with(*permissions, is_staff=True)
    client = Client()
    client.force_login(user)
    return client


def told(answer):
    """The messages that a request left, as (level, text)."""
    return [(message.level_tag, str(message)) for message in get_messages(answer.wsgi_request)]


def words(answer):
    """What a page says, without its markup, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


def session_page(session):
    return reverse("admin:sync_sessions_syncsession_change", args=[session.pk])


def history():
    """The entries of the admin's history, as (key, text), in their order."""
    return [(str(entry.object_id), entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")]

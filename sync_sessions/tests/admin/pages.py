from django.contrib.messages import get_messages
from django.urls import reverse


def address(session, page="change"):
    return reverse(f"admin:sync_sessions_syncsession_{page}", args=[session.pk])


def messages(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]

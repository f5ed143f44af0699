"""Sessions that were started together are one line of the list."""

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db

LIST = reverse("admin:sync_sessions_syncsession_changelist")


@pytest.fixture
def sessions(open_session):
    """Three of one task, of which the first failed, and one alone."""
    made = [open_session(f"k{number}", task_id="t-1") for number in range(3)]
    type(made[0]).objects.filter(pk=made[0].pk).update(status="failed")
    return [*made, open_session("alone")]


def listed(client, **query):
    answer = client.get(LIST, query)
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list), answer.content.decode()


def test_the_newest_stands_for_the_others_and_leads_to_them(admin_client, sessions):
    found, page = listed(admin_client)

    assert found == [sessions[3], sessions[2]]
    assert f'href="{LIST}?batch=t-1">and 2 more, 1 failed</a>' in page


def test_all_of_them_are_listed_the_failed_first(admin_client, sessions):
    found, page = listed(admin_client, batch="t-1")

    assert found == [sessions[0], sessions[2], sessions[1]]
    assert "and 2 more" not in page


def test_who_looks_for_something_sees_every_session(admin_client, sessions):
    assert listed(admin_client, status__exact="failed")[0] == [sessions[0]]
    assert listed(admin_client, q=str(sessions[1].session_id))[0] == [sessions[1]]

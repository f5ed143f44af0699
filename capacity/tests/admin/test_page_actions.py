"""The buttons on the page of an instance, which run that one."""

import pytest
from django.urls import reverse

from capacity.models import Instance
from sync_sessions.models import SyncSession

from .staff import history, logged_in, session_page, told, words

pytestmark = pytest.mark.django_db

NAMES = ("collect_instance", "aggregate_instance")


def page_of(instance, name="change"):
    return reverse(f"admin:capacity_instance_{name}", args=[instance.pk])


def test_the_page_has_them_also_before_the_first_sample(operator, fleet):
    for instance, times in ((fleet[0], 1), (Instance.objects.create(name="new", db_type="mysql"), 2)):
        page = operator.get(page_of(instance)).content.decode()
        assert [page.count(f'href="{page_of(instance, name)}"') for name in NAMES] == [times, times]


def test_who_may_not_start_runs_sees_none_and_starts_none(fleet):
    client = logged_in("view_instance")
    page = client.get(page_of(fleet[0])).content.decode()
    for name in NAMES:
        assert page_of(fleet[0], name) not in page
        assert client.post(page_of(fleet[0], name), {"scope": "all", "confirmed": "yes"}).status_code == 403
    assert not SyncSession.objects.exists()


def test_who_may_not_see_the_instance_finds_nothing(fleet):
    client = logged_in("trigger_aggregation")
    assert client.get(page_of(fleet[0], "collect_instance")).status_code == 404


def test_it_asks_first_and_goes_back_to_the_page(operator, fleet):
    for name, question in zip(
        NAMES, ("Measure the databases of 1 instance now?", "Aggregate the current day of 1 instance?"), strict=True
    ):
        page = operator.get(page_of(fleet[1], name))
        assert f"{question} pg-1" in words(page)
        assert f'href="{page_of(fleet[1])}"' in page.content.decode()
    assert not SyncSession.objects.exists()


def test_the_answer_runs_that_one_and_lands_on_its_session(operator, fleet):
    answer = operator.post(page_of(fleet[1], "aggregate_instance"), {"scope": "all", "confirmed": "yes"})
    session = SyncSession.objects.get()
    assert answer.url == session_page(session)
    assert (session.sync_type, session.records.get().instance) == ("manual_single", fleet[1])
    assert history() == [(str(session.pk), "Started by hand from the page of the instance.")]


def test_an_inactive_one_is_named_and_one_stays_on_its_page(operator, fleet):
    Instance.objects.update(is_active=False)
    answer = operator.post(page_of(fleet[1], "collect_instance"), {"confirmed": "yes"})
    assert answer.url == page_of(fleet[1])
    assert told(answer) == [("warning", "Left out, as they are inactive: pg-1.")]

"""The buttons above the list of instances, which run the whole fleet."""

import pytest
from django.urls import reverse

from capacity.models import Instance
from capacity.tests.factories import make_instance
from sync_sessions.models import SyncSession

from .staff import history, logged_in, session_page, told, words

pytestmark = pytest.mark.django_db

URL = reverse("admin:capacity_instance_changelist")
AGGREGATE_FLEET = reverse("admin:capacity_instance_aggregate_fleet")
COLLECT_FLEET = reverse("admin:capacity_instance_collect_fleet")


@pytest.mark.parametrize("method", ["get", "post"])
def test_switched_off_the_fleet_is_not_asked_about(operator, fleet, settings, method):
    settings.WHALEFALL_AGGREGATION_ENABLED = False
    answer = getattr(operator, method)(AGGREGATE_FLEET, {"scope": "all"})
    assert answer.url == URL
    assert [level for level, _text in told(answer)] == ["warning"]
    assert not SyncSession.objects.exists()


def test_the_fleet_is_aggregated_after_a_question(operator, fleet):
    Instance.objects.filter(pk=fleet[0].pk).update(is_active=False)
    page = operator.get(AGGREGATE_FLEET)
    assert "Aggregate the current day of the whole fleet, 2 active instances? pg-1, pg-2" in words(page)
    assert not SyncSession.objects.exists()
    answer = operator.post(AGGREGATE_FLEET, {"scope": "all"})
    session = SyncSession.objects.get()
    assert (answer.url, session.lock_key, session.total_instances) == (session_page(session), "aggregation:daily", 2)
    assert history() == [(str(session.pk), "Started by hand for the fleet.")]


def test_for_the_fleet_a_scope_that_is_none_is_asked_for_again(operator, fleet):
    page = operator.post(AGGREGATE_FLEET, {"scope": "everything"})
    assert "everything is not one of the available choices." in words(page)
    assert not SyncSession.objects.exists()


def test_the_list_has_buttons_for_the_fleet(operator, fleet):
    page = operator.get(URL).content.decode()
    assert f'href="{AGGREGATE_FLEET}"' in page
    assert f'href="{COLLECT_FLEET}"' in page


def test_the_fleet_is_collected_from_after_a_question(operator, fleet, queued):
    hosts = [make_instance("with host", host="db"), make_instance("inactive", host="db", is_active=False)]
    assert "the whole fleet now, 1 active instance with a host? with host" in words(operator.get(COLLECT_FLEET))
    operator.post(COLLECT_FLEET)
    session = SyncSession.objects.get()
    assert (session.sync_type, session.total_instances) == ("manual_task", 1)
    assert queued == [("capacity.collect_capacity_batch", str(session.session_id), [hosts[0].pk])]


def test_the_fleet_needs_the_permission(fleet):
    viewer = logged_in("view_instance", "change_instance")
    for url in (AGGREGATE_FLEET, COLLECT_FLEET):
        assert url not in viewer.get(URL).content.decode()
        assert viewer.get(url).status_code == 403
        assert viewer.post(url, {"scope": "all"}).status_code == 403
    assert not SyncSession.objects.exists()

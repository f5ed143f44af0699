"""Running a session's failed instances again from its page, and what real runs leave on it."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from capacity.aggregation.service import AggregationService
from capacity.tests.samples import make_fleet, run, the
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service
from sync_sessions.tests.admin.pages import address, messages

pytestmark = pytest.mark.django_db

WEEK = the("weekly", "2025-06-25")


@pytest.fixture
def failed(raising, monkeypatch):
    """A weekly session whose second of two instances failed; it would succeed now."""
    fleet = make_fleet(2, "2025-06-25")
    raising({fleet[1]: ValueError("odd")})
    session = run(WEEK).session
    monkeypatch.undo()
    return session


def retry(client, session):
    return client.post(address(session, "retry"))


def test_it_asks_first(admin_client, failed):
    page = admin_client.get(address(failed, "retry")).content.decode()
    assert "Run the failed and cancelled instances of this session again" in page
    assert SyncSession.objects.count() == 1


def test_without_a_broker_it_runs_and_lands_on_the_finished_session(admin_client, admin_user, failed):
    answer = retry(admin_client, failed)
    new = SyncSession.objects.latest("id")
    assert answer.url == address(new)
    assert (new.status, new.created_by, new.successful_instances) == ("completed", admin_user, 1)
    assert messages(answer) == ["This is the new run."]
    assert LogEntry.objects.get().get_change_message() == f"Run again in session {new.session_id}."
    assert f'href="{address(failed)}"' in admin_client.get(answer.url).content.decode()


def test_with_a_broker_it_queues_and_lands_on_the_waiting_session(admin_client, failed, queued):
    answer = retry(admin_client, failed)
    new = SyncSession.objects.latest("id")
    assert answer.url == address(new)
    assert new.status == "pending"
    assert messages(answer) == ["The run was queued."]
    assert queued == [("capacity.aggregate_current", str(new.session_id))]
    assert 'hx-trigger="every 2s"' in admin_client.get(answer.url).content.decode()


def test_a_broker_that_is_down_leads_to_the_new_session_and_its_reason(admin_client, failed, broker_down):
    answer = retry(admin_client, failed)
    new = SyncSession.objects.latest("id")
    assert answer.url == address(new)
    assert messages(answer) == ["The new run failed as a whole: see its reason below."]
    assert (new.status, new.error_code) == ("failed", "broker_unavailable")


def test_a_run_under_way_is_named_with_a_link(admin_client, failed):
    key = f"aggregation:weekly:{failed.records.get(status='failed').instance_id}"
    running = sync_session_service.create_session(sync_type="manual_task", sync_category="aggregation", lock_key=key)
    answer = retry(admin_client, failed)
    assert answer.url == address(failed)
    (text,) = messages(answer)
    assert str(running.session_id) in text
    assert f'href="{address(running)}"' in text


def test_a_run_that_fails_as_a_whole_lands_on_its_session(admin_client, failed, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr(AggregationService, "calculate_weekly_aggregations", fail)
    answer = retry(admin_client, failed)
    new = SyncSession.objects.latest("id")
    assert answer.url == address(new) != address(failed)
    assert messages(answer) == ["The new run failed as a whole: see its reason below."]
    assert "RuntimeError: broken" in admin_client.get(answer.url).content.decode()
    assert LogEntry.objects.get().get_change_message() == f"Run again in session {new.session_id}."


def test_switched_off_is_a_sentence(admin_client, failed, settings):
    settings.WHALEFALL_AGGREGATION_ENABLED = False
    answer = retry(admin_client, failed)
    assert answer.url == address(failed)
    (text,) = messages(answer)
    assert "WHALEFALL_AGGREGATION_ENABLED" in text
    assert SyncSession.objects.count() == 1


def test_who_may_not_see_the_old_session_runs_nothing(client, django_user_model, failed):
    client.force_login(django_user_model.objects.create_user("nobody", is_staff=True))
    assert retry(client, failed).status_code == 404
    assert SyncSession.objects.count() == 1


def test_a_real_run_reads_well_in_both_languages(admin_client, failed):
    english = admin_client.get(address(failed)).content.decode()
    chinese = admin_client.get(address(failed), headers={"accept-language": "zh-hans"}).content.decode()
    for text in ("Weekly", "June 23, 2025 – June 29, 2025", "ValueError: odd", "Completed (1)", "Failed (1)"):
        assert text in english
    for text in ("周", "2025年6月23日 – 2025年6月29日", "ValueError: odd", "已完成（1）", "失败（1）"):
        assert text in chinese
    for page in (english, chinese):
        assert "aggregation_result" not in page and "{&#x27;" not in page


def test_its_records_list_links_each_instance(admin_client, failed):
    url = reverse("admin:sync_sessions_syncinstancerecord_changelist")
    page = admin_client.get(url).content.decode()
    assert "fleet-001" in page and "Something unexpected happened" in page

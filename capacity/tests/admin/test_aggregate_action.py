from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from capacity.aggregation.service import AggregationService
from capacity.collection.ingest import Sample, ingest
from capacity.models import DatabaseSizeAggregation, Instance, InstanceSizeAggregation
from sync_sessions.choices import SyncCategory, SyncType
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

URL = reverse("admin:capacity_instance_changelist")


def aggregate(client, instances, scope="all"):
    """Posts the action as the page does; gives the messages and their levels."""
    selected = [one.pk for one in instances]
    data = {"action": "aggregate_current_period", "scope": scope, "_selected_action": selected, "index": "0"}
    answer = client.post(URL, data)
    return [(message.level_tag, str(message)) for message in get_messages(answer.wsgi_request)]


def test_the_selected_instances_are_aggregated_and_the_message_links_to_the_session(admin_client, fleet, admin_user):
    [(level, text)] = aggregate(admin_client, fleet[:2])
    session = SyncSession.objects.get()
    assert (level, session.status, session.created_by) == ("success", "completed", admin_user)
    assert "2 of 2 instances aggregated, 0 skipped, 0 failed." in text
    assert f"/admin/sync_sessions/syncsession/{session.pk}/change/" in text
    assert set(InstanceSizeAggregation.objects.values_list("instance__name", flat=True)) == {"pg-0", "pg-1"}


@pytest.mark.parametrize(("scope", "rows"), [("database", (1, 0)), ("instance", (0, 1)), ("all", (1, 1))])
def test_the_post_names_the_scope(admin_client, fleet, scope, rows):
    aggregate(admin_client, fleet[:1], scope)
    assert (DatabaseSizeAggregation.objects.count(), InstanceSizeAggregation.objects.count()) == rows
    assert (SyncSession.objects.get().scope, SyncSession.objects.get().sync_type) == (scope, "manual_single")


def test_inactive_ones_are_named_and_left_out(admin_client, fleet):
    Instance.objects.filter(pk=fleet[0].pk).update(is_active=False)
    (level, text), (done, _text) = aggregate(admin_client, fleet[:2])
    assert (level, text, done) == ("warning", "Left out, as they are inactive: pg-0.", "success")
    assert list(SyncInstanceRecord.objects.values_list("instance_name", flat=True)) == ["pg-1"]


def test_inactive_ones_alone_start_nothing(admin_client, fleet):
    Instance.objects.update(is_active=False)
    assert [level for level, _text in aggregate(admin_client, fleet)] == ["warning"]
    assert not SyncSession.objects.exists()


def test_nothing_selected_starts_nothing(admin_client, fleet):
    assert [level for level, _text in aggregate(admin_client, [])] == ["warning"]
    assert not SyncSession.objects.exists()


def test_a_run_under_way_is_named(admin_client, fleet):
    running = sync_session_service.create_session(
        sync_type=SyncType.MANUAL_TASK, sync_category=SyncCategory.AGGREGATION, lock_key="aggregation:daily"
    )
    [(level, text)] = aggregate(admin_client, fleet)
    assert level == "warning"
    assert str(running.session_id) in text
    assert SyncSession.objects.count() == 1


def test_a_failed_instance_is_an_error_message_with_its_reason(admin_client, fleet):
    at = timezone.now() - timedelta(seconds=1)
    ingest([Sample(fleet[0].pk, "sales", at, 2**62), Sample(fleet[0].pk, "sales", timezone.now(), 2**62)])
    [(level, text)] = aggregate(admin_client, fleet)
    assert level == "error"
    assert "pg-0: the sizes add up to more than 2^63-1 bytes" in text


def test_a_run_that_fails_as_a_whole_is_a_message_and_no_500(admin_client, fleet, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("disk <b>full</b>")

    monkeypatch.setattr(AggregationService, "calculate_daily_aggregations", fail)
    [(level, text)] = aggregate(admin_client, fleet)
    assert level == "error"
    assert "disk &lt;b&gt;full&lt;/b&gt;" in text
    assert f"/syncsession/{SyncSession.objects.get().pk}/change/" in text


def test_switched_off_is_a_warning(admin_client, fleet, settings):
    settings.WHALEFALL_AGGREGATION_ENABLED = False
    [(level, text)] = aggregate(admin_client, fleet)
    assert (level, "WHALEFALL_AGGREGATION_ENABLED" in text) == ("warning", True)
    assert not SyncSession.objects.exists()


def test_without_the_permission_there_is_no_such_action(client, fleet, django_user_model):
    user = django_user_model.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_instance"))
    client.force_login(user)
    assert "aggregate_current_period" not in client.get(URL).content.decode()
    aggregate(client, fleet)
    assert not SyncSession.objects.exists()

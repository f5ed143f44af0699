import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.collection.ingest import Sample, ingest
from capacity.models import (
    AlertRule,
    CapacityLimit,
    Instance,
    NotificationChannel,
    PrometheusMapping,
    PrometheusSource,
    Schedule,
    Tag,
)
from capacity.tests.factories import make_instance
from sync_sessions.models import SyncSession
from whalefall.tests.hostile import make_derived

from .staff import logged_in

pytestmark = pytest.mark.django_db

MODELS = [*apps.get_app_config("capacity").get_models(), *apps.get_app_config("sync_sessions").get_models()]
EDITED = (
    Instance,
    Schedule,
    Tag,
    CapacityLimit,
    AlertRule,
    NotificationChannel,
    PrometheusSource,
    PrometheusMapping,
)
SHOWN = [model for model in MODELS if admin.site.is_registered(model)]


@pytest.fixture
def hostile():
    """An instance and a database whose names are markup, with rows and a session of theirs."""
    instance = make_instance("<img src=x onerror=alert(1)>", host="db<script>", username="u", password="hunter2")
    ingest([Sample(instance.pk, "<b>sales</b>", timezone.now(), 1536)])
    make_derived(instance, "<b>sales</b>")
    CurrentAggregationService().aggregate_current(CurrentAggregationRequest())
    return instance


@pytest.mark.parametrize("model", SHOWN, ids=lambda model: model.__name__)
def test_every_list_and_detail_page_shows_names_escaped(admin_client, hostile, model):
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    page = admin_client.get(reverse(f"{base}_changelist"))
    assert page.status_code == 200
    assert page.context["cl"].result_count >= 1
    detail = admin_client.get(reverse(f"{base}_change", args=[model._default_manager.first().pk]))
    assert detail.status_code == 200
    for html in (page.content.decode(), detail.content.decode()):
        assert "<img src=x" not in html
        assert "<b>sales" not in html
        assert "db<script>" not in html


@pytest.mark.parametrize("model", [model for model in SHOWN if model not in EDITED], ids=lambda model: model.__name__)
def test_what_is_measured_or_logged_is_read_only(admin_client, hostile, model):
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    row = model._default_manager.first()
    assert admin_client.get(reverse(f"{base}_add")).status_code == 403
    assert admin_client.post(reverse(f"{base}_change", args=[row.pk]), {}).status_code == 403
    assert admin_client.post(reverse(f"{base}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def form(**changes):
    fields = {"name": "pg-1", "db_type": "postgresql", "host": "db", "port": "", "database_name": "", "username": "u"}
    fields["tls_mode"] = "prefer"
    return {**fields, "password": "", "description": "", "is_active": "on", **changes}


def test_the_stored_password_is_never_shown_and_a_blank_keeps_it(admin_client):
    assert admin_client.post(reverse("admin:capacity_instance_add"), form(password="s3cret")).status_code == 302
    instance = Instance.objects.get()
    assert instance.password == "s3cret"
    url = reverse("admin:capacity_instance_change", args=[instance.pk])
    assert "s3cret" not in admin_client.get(url).content.decode()
    admin_client.post(url, form(description="new"))
    instance = Instance.objects.get()
    assert (instance.password, instance.description) == ("s3cret", "new")
    admin_client.post(url, form(password="other"))
    assert Instance.objects.get().password == "other"


def test_a_stored_password_is_not_sent_to_another_server(admin_client):
    admin_client.post(reverse("admin:capacity_instance_add"), form(password="s3cret"))
    url = reverse("admin:capacity_instance_change", args=[Instance.objects.get().pk])
    assert "type the password again" in admin_client.post(url, form(host="elsewhere")).content.decode()
    assert Instance.objects.get().host == "db"
    admin_client.post(url, form(host="elsewhere", password="s3cret"))
    assert Instance.objects.get().host == "elsewhere"


@pytest.mark.parametrize("host", ["/tmp", "a,b", "x@y", "a b"])
def test_a_host_that_is_none_is_refused_with_a_sentence(admin_client, host):
    page = admin_client.post(reverse("admin:capacity_instance_add"), form(host=host))
    assert "give one host name or IP address" in page.content.decode()
    assert not Instance.objects.exists()


def test_an_instance_with_samples_is_not_deleted_and_the_page_says_what_to_do(admin_client, hostile):
    url = reverse("admin:capacity_instance_delete", args=[hostile.pk])
    assert "deactivate it instead. `manage.py purge_instance` deletes" in admin_client.get(url).content.decode()
    others = logged_in("view_instance", "delete_instance").get(url).content.decode()
    assert ("deactivate it instead" in others, "manage.py" in others) == (True, False)
    admin_client.post(url, {"post": "yes"})
    assert Instance.objects.filter(pk=hostile.pk).exists()


def test_an_instance_without_samples_is_deleted(admin_client):
    instance = make_instance()
    admin_client.post(reverse("admin:capacity_instance_delete", args=[instance.pk]), {"post": "yes"})
    assert not Instance.objects.exists()


def test_the_history_tells_of_a_password_only_when_one_was_typed(admin_client):
    admin_client.post(reverse("admin:capacity_instance_add"), form(password="s3cret"))
    url = reverse("admin:capacity_instance_change", args=[Instance.objects.get().pk])
    admin_client.post(url, form(description="new"))
    admin_client.post(url, form(description="new", password="other"))
    said = [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]
    assert said == ["Added.", "Changed Description.", "Changed Password."]


def test_a_session_page_leads_to_its_records(admin_client, hostile):
    session = SyncSession.objects.get()
    page = admin_client.get(reverse("admin:sync_sessions_syncsession_change", args=[session.pk])).content.decode()
    assert reverse("admin:sync_sessions_syncinstancerecord_change", args=[session.records.get().pk]) in page
    found = reverse("admin:sync_sessions_syncinstancerecord_changelist") + f"?q={session.session_id}"
    assert admin_client.get(found).context["cl"].result_count == 1


def test_a_list_costs_the_same_for_one_row_and_for_many(admin_client, hostile):
    url = reverse("admin:sync_sessions_syncinstancerecord_changelist")

    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(url).status_code == 200
        return len(queries)

    one = cost()
    for _number in range(5):
        make_instance()
        CurrentAggregationService().aggregate_current(CurrentAggregationRequest())
    assert cost() == one

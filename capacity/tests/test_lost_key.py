"""A password that no key decrypts: whoever connects to that instance is told so, and nothing else notices."""

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.collection.ingest import Sample, ingest
from capacity.models import Instance, InstanceSizeAggregation
from capacity.tests.factories import make_instance
from sync_sessions.models import SyncInstanceRecord, SyncSession

pytestmark = pytest.mark.django_db

OTHER_KEY = "bG9zdC1rZXktbG9zdC1rZXktbG9zdC1rZXktbG9zdC0="
APPS = ("capacity", "sync_sessions")
LISTS = (
    "instances",
    "capacity/samples",
    "capacity/aggregations/databases",
    "capacity/aggregations/databases/top",
    "capacity/aggregations/instances",
    "capacity/aggregations/instances/summary",
    "sync-sessions",
)


@pytest.fixture
def lost(settings):
    """An instance with samples, period rows and records, whose password was written with a key that is gone."""
    instance = make_instance("lost", host="127.0.0.1", port=1, username="u", password="hunter2")
    ingest([Sample(instance.pk, "sales", timezone.now(), 100)])
    CurrentAggregationService().aggregate_current(CurrentAggregationRequest())
    settings.WHALEFALL_FIELD_KEYS = [OTHER_KEY]
    return instance


def token():
    return Instance.objects.values_list("password", flat=True).get()


def pages_of(model):
    """The address of every page of the admin for a model: its list, and those of one row, if there is any."""
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    row = model._default_manager.first()
    yield reverse(f"{base}_changelist")
    if row:
        yield from (reverse(f"{base}_{page}", args=[row.pk]) for page in ("change", "history"))


def test_every_page_of_the_admin_answers(admin_client, lost):
    models = [model for model in admin.site._registry if model._meta.app_label in APPS]
    pages = [reverse("admin:index"), *(page for model in models for page in pages_of(model))]
    pages += [reverse(f"admin:capacity_{name}_export") for name in ("databasesizestat", "instancesizeaggregation")]

    assert len(pages) > 20
    assert [(page, admin_client.get(page).status_code) for page in pages] == [(page, 200) for page in pages]


@pytest.mark.parametrize("path", LISTS)
def test_every_list_of_the_api_answers(admin_client, lost, path):
    period = {"period_type": "daily"} if "summary" in path or "top" in path else {}

    assert admin_client.get(f"/api/v1/{path}/", period).status_code == 200


@pytest.mark.parametrize("answer", ["from the page", "from the list", "by API"])
def test_it_is_aggregated_whatever_the_door(admin_client, lost, answer):
    InstanceSizeAggregation.objects.all().delete()

    if answer == "from the page":
        page = reverse("admin:capacity_instance_aggregate_instance", args=[lost.pk])
        admin_client.post(page, {"scope": "all"})
    elif answer == "from the list":
        action = {"action": "aggregate_current_period", "_selected_action": lost.pk, "scope": "all"}
        admin_client.post(reverse("admin:capacity_instance_changelist"), action)
    else:
        admin_client.post(f"/api/v1/instances/{lost.pk}/aggregate/", {"periods": ["daily"]}, "application/json")

    assert SyncSession.objects.latest("id").status == "completed"
    assert InstanceSizeAggregation.objects.filter(period_type="daily").count() == 1


def test_collecting_from_it_fails_with_the_reason(admin_client, lost):
    answer = admin_client.post(f"/api/v1/instances/{lost.pk}/collect/", {}, "application/json")

    assert answer.status_code == 200
    record = SyncInstanceRecord.objects.latest("id")
    assert (record.status, record.error_code) == ("failed", "field_key_missing")
    assert "add the key it was written with to WHALEFALL_FIELD_KEYS" in record.error_message


def test_saving_something_else_leaves_the_stored_token_as_it_is(admin_client, lost):
    before = token()
    fields = {"name": "lost", "db_type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "u"}
    page = reverse("admin:capacity_instance_change", args=[lost.pk])

    assert admin_client.post(page, {**fields, "description": "by form", "is_active": "on"}).status_code == 302
    body = {"is_active": False}
    assert admin_client.patch(f"/api/v1/instances/{lost.pk}/", body, "application/json").status_code == 200

    stored = Instance.objects.get()
    assert (stored.description, stored.is_active, token()) == ("by form", False, before)


def test_a_token_that_is_made_anew_while_an_object_is_in_use_outlives_its_save():
    make_instance("a", password="old")
    loaded = Instance.objects.get()
    Instance.objects.update(password="new")

    loaded.description = "x"
    loaded.save()

    assert Instance.objects.get().password == "new"


@pytest.mark.parametrize("page", ["databasesizestat_changelist", "instance_changelist"])
def test_a_list_decrypts_nothing(admin_client, lost, monkeypatch, page):
    asked = []
    monkeypatch.setattr("capacity.models.fields.Token.decrypt", lambda token: asked.append(token))

    assert admin_client.get(reverse(f"admin:capacity_{page}")).context["cl"].result_count == 1
    assert asked == []

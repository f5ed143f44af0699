"""Every change of an instance is in the admin's history, whatever door it came through."""

from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.urls import reverse

from capacity.admin.instances.page import InstanceAdmin
from capacity.collection.ingest import ingest
from capacity.models import Instance
from capacity.tests.factories import a_sample, make_instance

pytestmark = pytest.mark.django_db

URL = "/api/v1/instances/"
NEW = {"name": "pg-1", "db_type": "postgresql"}


def history():
    """The entries as (user, name of the instance, text), in their order."""
    entries = LogEntry.objects.order_by("pk")
    return [(one.user.username, one.object_repr, one.get_change_message() or one.action_flag) for one in entries]


def test_adding_by_api(admin_client):
    assert admin_client.post(URL, NEW, "application/json").status_code == 201

    assert history() == [("admin", "pg-1", "Added.")]


def test_changing_by_api_names_the_fields_that_are_other_now(admin_client):
    instance = make_instance("pg-1", host="10.0.0.5", username="u")
    body = {"host": "10.0.0.6", "username": "u", "is_active": False, "password": "hunter2"}

    assert admin_client.patch(f"{URL}{instance.pk}/", body, "application/json").status_code == 200

    assert history() == [("admin", "pg-1", "Changed Host, Password and Active.")]
    assert "hunter2" not in LogEntry.objects.get().change_message


def test_a_change_by_api_that_changes_nothing_is_none(admin_client):
    instance = make_instance("pg-1", host="10.0.0.5")

    assert admin_client.patch(f"{URL}{instance.pk}/", {"host": "10.0.0.5"}, "application/json").status_code == 200

    assert history() == []


def test_deleting_by_api_by_page_and_from_the_list(admin_client):
    one, other, third, fourth = (make_instance(f"pg-{number}") for number in range(1, 5))

    admin_client.delete(f"{URL}{one.pk}/")
    admin_client.post(reverse("admin:capacity_instance_delete", args=[other.pk]), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [third.pk, fourth.pk], "post": "yes"}
    admin_client.post(reverse("admin:capacity_instance_changelist"), chosen)

    assert not Instance.objects.exists()
    assert sorted(history()) == [("admin", f"pg-{number}", 3) for number in range(1, 5)]


def test_purging_by_command_in_the_name_of_a_user_who_cannot_log_in():
    make_instance("pg-1", is_active=False)

    call_command("purge_instance", "pg-1", "--yes", stdout=StringIO())

    assert history() == [("manage.py", "pg-1", 3)]
    user = get_user_model().objects.get()
    assert not user.is_active
    assert not user.has_usable_password()


def test_creating_by_import_names_the_new_ones(tmp_path):
    make_instance("known")
    file = tmp_path / "samples.csv"
    rows = "\n".join(f"{name},mysql,sales,2025-01-01T03:00:00+08:00,1,," for name in ("known", "new-1", "new-2"))
    file.write_text(f"instance,db_type,database,collected_at,size_bytes,data_size_bytes,log_size_bytes\n{rows}\n")

    for _time in range(2):
        call_command("import_samples", str(file), "--create-instances", stdout=StringIO())

    assert history() == [("manage.py", "new-1", "Added."), ("manage.py", "new-2", "Added.")]


@pytest.fixture
def sampled_meanwhile(monkeypatch):
    """A sample comes in between the page's look at what would be deleted and the deletion."""

    def arrange(instance):
        real = InstanceAdmin.get_deleted_objects

        def get_deleted_objects(self, objs, request):
            found = real(self, objs, request)
            ingest([a_sample(instance)])
            return found

        monkeypatch.setattr(InstanceAdmin, "get_deleted_objects", get_deleted_objects)

    return arrange


@pytest.mark.parametrize("door", ["page", "list"])
def test_a_sample_that_comes_in_before_the_deletion_keeps_all_that_was_chosen(admin_client, sampled_meanwhile, door):
    free, sampled = make_instance("free"), make_instance("sampled")
    sampled_meanwhile(sampled)

    if door == "page":
        url, body = reverse("admin:capacity_instance_delete", args=[sampled.pk]), {"post": "yes"}
    else:
        url = reverse("admin:capacity_instance_changelist")
        body = {"action": "delete_selected", "_selected_action": [free.pk, sampled.pk], "post": "yes"}
    page = admin_client.post(url, body, follow=True)

    assert "sampled has samples or period rows: deactivate it instead." in page.content.decode()
    assert list(Instance.objects.values_list("name", flat=True)) == ["free", "sampled"]
    assert history() == []

"""Pages for what cannot be shown: a sentence, and a way back."""

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db

HOME = f'href="{reverse("admin:index")}"'


@pytest.fixture(autouse=True)
def _production(settings):
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SECURE_SSL_REDIRECT = False


def test_an_address_of_nothing(admin_client):
    answer = admin_client.get("/nothing/here/")
    assert (answer.status_code, HOME in answer.content.decode()) == (404, True)
    assert "There is no such page" in answer.content.decode()


def test_what_one_may_not_see(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("nobody", is_staff=True))
    answer = client.get(reverse("admin:capacity_instance_changelist"))
    assert answer.status_code == 403
    assert "You may not see this" in answer.content.decode() and HOME in answer.content.decode()


def test_a_form_without_its_token(admin_user):
    answer = Client(enforce_csrf_checks=True).post(reverse("admin:login"), {})
    assert answer.status_code == 403
    assert "Please send this form again" in answer.content.decode()


def test_another_host(client):
    answer = client.get("/admin/", headers={"host": "elsewhere.example"})
    assert answer.status_code == 400
    assert "This request cannot be answered" in answer.content.decode()


def test_an_error_of_ours(admin_client, monkeypatch):
    def broken(*args):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("whalefall.dashboard.page.read_fleet", broken)
    admin_client.raise_request_exception = False
    answer = admin_client.get(reverse("admin:index"))
    assert answer.status_code == 500
    assert "Something went wrong" in answer.content.decode()
    assert "secret detail" not in answer.content.decode()


def test_they_are_in_the_readers_language(admin_client):
    answer = admin_client.get("/nothing/here/", headers={"accept-language": "zh-hans"})
    assert "页面不存在" in answer.content.decode()

"""`/api/v1/instances/`: the inventory."""

import json

import pytest
from django.utils import timezone

from capacity.collection.ingest import ingest
from capacity.models import Instance
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.samples import aggregate, forget, the
from capacity.tests.sources.certificates import Authority

pytestmark = pytest.mark.django_db

URL = "/api/v1/instances/"
NEW = {"name": "prod-pg-1", "db_type": "postgresql"}


@pytest.fixture
def api(client_with):
    return client_with("view_instance", "add_instance", "change_instance", "delete_instance")


def test_an_instance_is_created_and_its_password_is_never_shown(api):
    body = {
        **NEW,
        "host": "10.0.0.5",
        "port": 5433,
        "database_name": "postgres",
        "username": "whalefall",
        "password": " s3cret ",
        "tls_mode": "require",
        "tls_ca": "",
        "description": "Room 2\nrack 4",
        "is_active": False,
    }
    answer = api.post(URL, body)
    assert answer.status_code == 201
    instance = Instance.objects.get()
    assert instance.password == " s3cret "
    moments = {name: timezone.localtime(getattr(instance, name)).isoformat() for name in ("created_at", "updated_at")}
    told = {name: value for name, value in body.items() if name != "password"}
    assert answer.json() == {
        "id": instance.pk,
        **told,
        "tags": [],
        **moments,
        "state": None,
        "limit": None,
        "forecast": None,
    }
    shown = api.get(f"{URL}{instance.pk}/")
    assert (shown.status_code, shown.json()) == (200, answer.json())


def test_the_name_and_the_engine_are_enough(api):
    answer = api.post(URL, NEW)
    assert answer.status_code == 201
    defaults = {"host": "", "port": None, "database_name": "", "username": "", "description": "", "is_active": True}
    assert {name: answer.json()[name] for name in defaults} == defaults


BAD_FIELDS = [
    ("name", "", "blank"),
    ("name", "   ", "blank"),
    ("name", None, "null"),
    ("name", 5, "invalid"),
    ("name", ["x"], "invalid"),
    ("name", "n" * 256, "max_length"),
    ("name", "a\x00b", "null_characters_not_allowed"),
    ("name", "a\ud800b", "surrogate_characters_not_allowed"),
    ("name", "a\u202eb", "invalid_name"),
    ("name", "a\tb", "invalid_name"),
    ("db_type", "db2", "invalid_choice"),
    ("db_type", 1, "invalid_choice"),
    ("db_type", {}, "invalid_choice"),
    *[("host", host, "host_refused") for host in ("/tmp", "a,b", "x@y", "a b", "h:5432", "fe80::1%eth0", "h" * 254)],
    *[("host", host, "host_refused") for host in ("169.254.169.254", "0xA9FEA9FE", "2852039166", "fd00:ec2::254")],
    ("host", 5, "invalid"),
    ("host", None, "null"),
    ("port", "5432", "invalid"),
    ("port", True, "invalid"),
    ("port", 5432.0, "invalid"),
    ("port", 0, "min_value"),
    ("port", 65536, "max_value"),
    ("port", 10**30, "max_value"),
    ("username", 1, "invalid"),
    ("password", 1, "invalid"),
    ("password", "a\x00", "null_characters_not_allowed"),
    ("password", "a\ud800", "surrogate_characters_not_allowed"),
    ("is_active", "true", "invalid"),
    ("is_active", 1, "invalid"),
    ("is_active", None, "null"),
    ("is_actve", False, "unknown_field"),
    ("id", 7, "unknown_field"),
    ("created_at", "2025-01-01T00:00:00Z", "unknown_field"),
]


def problem(answer):
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    return {one["attr"]: one["code"] for one in answer.json()["errors"]}


@pytest.mark.parametrize(("field", "value", "code"), BAD_FIELDS)
def test_a_bad_field_is_named_and_nothing_is_stored(api, field, value, code):
    body = json.dumps({**NEW, field: value})
    assert problem(api.post(URL, body, content_type="application/json"))[field] == code
    assert not Instance.objects.exists()


@pytest.mark.parametrize("body", [[], "x", [NEW], 5])
def test_a_body_that_is_no_object_is_a_400(api, body):
    assert problem(api.post(URL, json.dumps(body), content_type="application/json"))
    assert not Instance.objects.exists()


def test_what_must_be_there(api):
    assert problem(api.post(URL, {})) == {"name": "required", "db_type": "required"}


def test_a_name_is_there_once(api):
    make_instance("prod-pg-1")
    assert problem(api.post(URL, NEW)) == {"name": "unique"}


@pytest.fixture
def stored():
    return make_instance("prod-pg-1", host="10.0.0.5", port=5432, password="s3cret")


def change(api, instance, **body):
    return api.patch(f"{URL}{instance.pk}/", body)


@pytest.mark.parametrize("body", [{"description": "moved"}, {"description": "moved", "password": ""}])
def test_a_password_that_is_missing_or_blank_is_kept(api, stored, body):
    assert change(api, stored, **body).status_code == 200
    stored.refresh_from_db()
    assert (stored.password, stored.description) == ("s3cret", "moved")


def test_put_replaces_what_it_names_and_keeps_the_password(api, stored):
    answer = api.put(f"{URL}{stored.pk}/", {"name": "renamed", "db_type": "postgresql"})
    assert answer.status_code == 200
    stored.refresh_from_db()
    assert (stored.name, stored.db_type, stored.password) == ("renamed", "postgresql", "s3cret")


@pytest.mark.parametrize(
    "body", [{"host": "10.0.0.6"}, {"port": 5433}, {"db_type": "mysql"}, {"db_type": "mysql", "port": None}]
)
def test_another_host_or_port_needs_the_password_again(api, stored, body):
    assert problem(change(api, stored, **body)) == {"password": "password_required"}
    stored.refresh_from_db()
    assert (stored.host, stored.port) == ("10.0.0.5", 5432)
    assert change(api, stored, **{**body, "password": "new"}).status_code == 200
    stored.refresh_from_db()
    assert stored.password == "new"


@pytest.mark.parametrize(("port", "body"), [(5432, {"port": None}), (None, {"port": 5432})])
def test_the_usual_port_of_the_engine_is_the_same_port_written_or_not(api, port, body):
    instance = make_instance(host="10.0.0.5", port=port, password="s3cret")
    assert change(api, instance, **body).status_code == 200


def test_a_less_protected_line_needs_the_password_again(api):
    instance = make_instance(host="10.0.0.5", password="s3cret", tls_mode="verify-full")
    assert problem(change(api, instance, tls_mode="require")) == {"password": "password_required"}
    assert problem(change(api, instance, tls_ca=Authority().pem)) == {"password": "password_required"}
    assert change(api, instance, tls_mode="require", password="new").status_code == 200
    assert change(api, instance, tls_mode="verify-full", tls_ca=Authority().pem).status_code == 200
    assert problem(change(api, instance, tls_ca="x")) == {"tls_ca": "invalid_certificates"}


def test_an_empty_port_leads_elsewhere_when_the_engine_is_another(api):
    instance = make_instance(host="10.0.0.5", port=None, password="s3cret")
    assert problem(change(api, instance, db_type="mysql")) == {"password": "password_required"}
    assert Instance.objects.get().db_type == "postgresql"


def test_without_a_stored_password_the_host_is_free(api):
    instance = make_instance(host="10.0.0.5")
    assert change(api, instance, host="10.0.0.6").status_code == 200


def test_a_password_whose_key_is_lost_is_replaced_like_any_other(api, stored, settings):
    settings.WHALEFALL_FIELD_KEYS = ["bG9zdC1rZXktbG9zdC1rZXktbG9zdC1rZXktbG9zdC0="]
    assert api.get(URL).status_code == api.get(f"{URL}{stored.pk}/").status_code == 200
    assert change(api, stored, description="x").status_code == 200
    assert problem(change(api, stored, host="10.0.0.6")) == {"password": "password_required"}
    assert change(api, stored, host="10.0.0.6", password="new").status_code == 200
    assert Instance.objects.get().password == "new"


def test_an_instance_without_history_is_deleted(api, stored):
    assert api.delete(f"{URL}{stored.pk}/").status_code == 204
    assert not Instance.objects.exists()


@pytest.mark.parametrize("rows", ["samples", "day rows", "period rows"])
def test_one_with_history_is_deactivated_instead(api, stored, rows):
    ingest([a_sample(stored)])
    if rows == "period rows":
        aggregate(the("daily", "2025-03-05"))
        forget(stored)
    elif rows == "day rows":
        stored.samples.all().delete()
    answer = api.delete(f"{URL}{stored.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "instance_has_history")
    assert "deactivate it instead" in answer.json()["detail"]
    assert change(api, stored, is_active=False).json()["is_active"] is False
    assert Instance.objects.count() == 1


@pytest.mark.parametrize("pk", [0, 99, 2**63, 2**70, "x", "9" * 5000])
@pytest.mark.parametrize("method", ["get", "patch", "put", "delete"])
def test_an_unknown_instance_is_a_404(api, stored, pk, method):
    answer = getattr(api, method)(f"{URL}{pk}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

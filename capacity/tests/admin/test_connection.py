"""The button "Test connection": tries what the form says, saves nothing and never tells a password."""

import logging
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from capacity.collection import connection_test as probing
from capacity.collection import measuring
from capacity.collection.sources import SOURCES
from capacity.models import DbType, Instance
from capacity.tests import servers
from capacity.tests.factories import make_instance
from capacity.tests.sources.certificates import Authority
from capacity.tests.sources.test_tls import ENGINES

from .staff import logged_in, words

pytestmark = pytest.mark.django_db

NEW = reverse("admin:capacity_instance_test_new_connection")


def url_of(instance):
    return reverse("admin:capacity_instance_test_connection", args=[instance.pk])


def form(**changes):
    fields = {"name": "any", "db_type": "postgresql", "host": servers.HOST, "port": servers.POSTGRESQL_PORT}
    login = {"database_name": "", "username": "postgres", "password": "", "tls_mode": "prefer", "tls_ca": ""}
    return {**fields, **login, "description": "", **changes}


@pytest.fixture
def reached(monkeypatch):
    """In place of servers: what each would have been reached with."""
    targets = []

    def fail(source, stop):
        targets.append(source.target)
        raise RuntimeError(f"unexpected, with {source.target.password}")

    monkeypatch.setattr(measuring, "measure_one", fail)
    return targets


@pytest.mark.live
def test_it_says_the_version_and_how_many_databases_can_be_sized(admin_client):
    with servers.scratch_postgresql() as names:
        found = servers.measured("postgresql")
        answer = admin_client.post(NEW, form())
        limited = admin_client.post(NEW, form(username=names["user"], password="hunter2"))
    version, count = found.server_version, len(found.databases)
    assert words(answer) == f"Connected: version {version}, {count} databases can be sized."
    assert f"{names['closed']}: User {names['user']} may not size it" in words(limited)
    assert "hunter2" not in limited.content.decode()


@pytest.mark.parametrize("engine", [DbType.POSTGRESQL, DbType.MYSQL])
def test_what_to_do_about_tls_is_said_in_the_words_of_the_form(admin_client, engine):
    with servers.serving(ENGINES[engine](None, [])) as port:
        said = words(admin_client.post(NEW, form(db_type=engine, port=port, username="u", tls_mode="require")))
    assert said.endswith('or set TLS to "if the server offers it" (prefer).'), said
    assert "if the server offers it" in words(admin_client.get(reverse("admin:capacity_instance_add")))


@pytest.mark.live
def test_it_passes_on_what_the_sizes_are_made_from(admin_client):
    with servers.scratch_mysql() as names:
        fields = {"db_type": "mysql", "port": servers.MYSQL_PORT, "username": names["user"], "password": "hunter2"}
        said = words(admin_client.post(NEW, form(**fields)))
    assert said.startswith("Connected: version ")
    assert ", 2 databases can be sized. Sizes are estimates from table statistics" in said


@pytest.mark.live
def test_a_port_that_nobody_listens_on_is_a_sentence(admin_client):
    port = servers.closed_port()
    said = words(admin_client.post(NEW, form(port=port)))
    assert said == (
        f"Not connected. Port {port} of 127.0.0.1 refuses connections: is the server running, and is the port right?"
    )


@pytest.mark.live
def test_a_server_that_says_nothing_keeps_nobody_waiting(admin_client, monkeypatch):
    monkeypatch.setattr(probing, "CONNECT", 0.2)
    with servers.silent_server() as port:
        said = words(admin_client.post(NEW, form(port=port)))
    assert said.startswith(f"Not connected. 127.0.0.1:{port} did not answer within 0.2 s")


def test_it_gives_up_in_the_end(admin_client, monkeypatch):
    monkeypatch.setattr(probing, "BUDGET", -1)
    monkeypatch.setattr(measuring, "GRACE", -3)
    monkeypatch.setattr(measuring, "measure_one", lambda source, stop: stop.wait(30))
    said = words(admin_client.post(NEW, form()))
    assert said == "Not connected. The server was not measured within -1 s."


@pytest.mark.live
def test_a_server_that_repeats_the_password_is_not_repeated(admin_client):
    with servers.serving(servers.postgresql_refusing("what of hunter2?", "XX000")) as port:
        page = admin_client.post(NEW, form(port=port, password="hunter2")).content.decode()
    assert "what of ****?" in page
    assert "hunter2" not in page


def test_without_a_host_there_is_nothing_to_try(admin_client, reached):
    said = words(admin_client.post(NEW, form(host="")))
    assert said == "Without a host there is nothing to connect to: samples are pushed."
    assert reached == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"host": "a b"}, "Host: The host 'a b' has a ' ' in it: give one host name or IP address"),
        ({"host": "/tmp"}, "Host: The host '/tmp' has a '/' in it"),
        ({"port": "70000"}, "Port: Ensure this value is less than or equal to 65535."),
        ({"db_type": ""}, "Engine: This field is required."),
        ({"host": "169.254.169.254"}, "a link-local, multicast, unspecified or cloud metadata address"),
    ],
)
def test_what_may_not_be_tried_is_refused_with_a_sentence(admin_client, changes, sentence):
    said = words(admin_client.post(NEW, form(**changes)))
    assert said.startswith("Not connected.")
    assert sentence in said


def test_a_blank_password_stands_for_the_stored_one(admin_client, reached):
    instance = make_instance(host="db", port=5432, username="u", password="hunter2")
    page = admin_client.post(url_of(instance), form(host="db", port=5432, username="other"))
    assert [(one.host, one.user, one.password) for one in reached] == [("db", "other", "hunter2")]
    assert "hunter2" not in page.content.decode()


@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"port": 5433}, {"db_type": "mysql"}])
def test_a_stored_password_goes_to_no_other_server(admin_client, reached, changes):
    instance = make_instance(host="db", port=5432, username="u", password="hunter2")
    said = words(admin_client.post(url_of(instance), form(**{"host": "db", "port": 5432, **changes})))
    assert "The engine, host or port has changed: type the password again." in said
    assert reached == []
    admin_client.post(url_of(instance), form(**{"host": "db", "port": 5432, "password": "typed", **changes}))
    assert [one.password for one in reached] == ["typed"]


@pytest.mark.parametrize(
    ("stored", "asked"), [("require", "prefer"), ("verify-full", "require"), ("prefer", "disable")]
)
def test_a_stored_password_goes_over_no_less_protected_line(admin_client, reached, stored, asked):
    instance = make_instance(host="db", port=5432, username="u", password="hunter2", tls_mode=stored)
    at = {"host": "db", "port": 5432}
    said = words(admin_client.post(url_of(instance), form(**at, tls_mode=asked)))
    assert "TLS protects the connection less than before: type the password again." in said
    assert reached == []
    admin_client.post(url_of(instance), form(**at, tls_mode=stored))
    admin_client.post(url_of(instance), form(**at, tls_mode="verify-full"))
    admin_client.post(url_of(instance), form(**at, tls_mode=asked, password="typed"))
    assert [(one.tls_mode, one.password) for one in reached] == [
        (stored, "hunter2"),
        ("verify-full", "hunter2"),
        (asked, "typed"),
    ]


def test_a_stored_password_that_no_key_decrypts_is_a_sentence(admin_client, reached):
    instance = make_instance(host="db", port=5432, username="u")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE instances SET password = 'gAAAA'")
    said = words(admin_client.post(url_of(instance), form(host="db", port=5432)))
    assert "add the key it was written with to WHALEFALL_FIELD_KEYS" in said
    admin_client.post(url_of(instance), form(host="db", port=5432, password="typed"))
    assert [one.password for one in reached] == ["typed"]


def test_what_nobody_expected_tells_no_password_either(admin_client, reached, caplog):
    with caplog.at_level(logging.DEBUG):
        page = admin_client.post(NEW, form(password="hunter2")).content.decode()
    assert "RuntimeError: unexpected, with ****" in page
    assert "collection.unexpected_error" in caplog.text
    assert "hunter2" not in page + caplog.text


def test_nothing_is_saved(admin_client, reached):
    instance = make_instance("before", host="db", port=5432, username="u", password="hunter2")
    before = Instance.objects.values().get()
    admin_client.post(url_of(instance), form(name="after", host="db", port=5432, username="x", password="typed"))
    admin_client.post(NEW, form())
    assert len(reached) == 2
    assert Instance.objects.values().get() == before
    assert not LogEntry.objects.exists()


def test_names_that_are_markup_are_shown_as_text(admin_client):
    page = admin_client.post(NEW, form(host="<b>db</b>")).content.decode()
    assert "<b>db" not in page


@pytest.mark.parametrize(
    ("permission", "new", "stored"), [("view", 403, 403), ("add", 200, 403), ("change", 403, 200)]
)
def test_it_is_for_who_may_save_the_form(reached, permission, new, stored):
    instance = make_instance(host="db")
    client = logged_in(f"{permission}_instance")
    assert client.post(NEW, form()).status_code == new
    assert client.post(url_of(instance), form(host="db", port="")).status_code == stored
    assert len(reached) == 2 - [new, stored].count(403)


def test_it_takes_a_post_with_its_token_alone(admin_user, reached):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.get(NEW).status_code == 405
    assert client.post(NEW, form()).status_code == 403
    assert reached == []


def test_who_is_not_logged_in_tries_nothing(client, reached):
    assert client.post(NEW, form()).status_code == 302
    assert reached == []


def test_an_instance_that_is_gone_is_not_found(admin_client, reached):
    instance = make_instance()
    url = url_of(instance)
    instance.delete()
    assert admin_client.post(url, form()).status_code == 404


def test_the_form_has_the_button_for_who_may_save_it(admin_client):
    instance = make_instance()
    page = reverse("admin:capacity_instance_change", args=[instance.pk])
    button = f'hx-post="{url_of(instance)}"'
    assert button in admin_client.get(page).content.decode()
    assert f'hx-post="{NEW}"' in admin_client.get(reverse("admin:capacity_instance_add")).content.decode()
    viewer = logged_in("view_instance")
    assert button not in viewer.get(page).content.decode()


def test_the_button_stands_beside_save_and_the_form_has_the_grants_of_each_engine(admin_client):
    page = admin_client.get(reverse("admin:capacity_instance_add")).content.decode()
    row = page[page.index('id="submit-row"') :]
    assert row.index(f'hx-post="{NEW}"') < row.index('name="_save"')
    for db_type, source in SOURCES.items():
        assert f'data-engine="{db_type}" data-port="{source.default_port}"' in page
        assert escape(source.grants) in page
    assert "capacity/instance_form.js" in page
    assert {"tls_mode", "tls_ca"} <= set(re.findall(r'name="(tls_\w+)"', page))


def test_certificates_that_are_none_are_refused(admin_client, reached):
    said = words(admin_client.post(NEW, form(tls_mode="verify-full", tls_ca="BEGIN CERTIFICATE")))
    assert "These are no certificates: paste them with their BEGIN CERTIFICATE" in said
    assert reached == []


def test_tls_is_tried_as_the_form_says(admin_client, reached):
    pem = Authority().pem
    admin_client.post(NEW, form(tls_mode="verify-full", tls_ca=pem))
    assert [(one.tls_mode, one.tls_ca.strip()) for one in reached] == [("verify-full", pem.strip())]

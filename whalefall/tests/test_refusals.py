"""What a stranger or a colleague asks too much of: a sentence, and the others go on."""

import logging
import time
from datetime import timedelta

import pytest
from axes.models import AccessLog
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from capacity.collection import connection_test
from capacity.insight import csv_export
from capacity.insight.csv_export import cell
from capacity.models import Instance
from capacity.upkeep.retention import purge
from sync_sessions.common.gates import Busy, Gate
from whalefall import time_limit
from whalefall.counting import seconds_to_wait
from whalefall.models import RequestCount
from whalefall.tests.roles import token_of, user_of

pytestmark = pytest.mark.django_db

ROWS = "/api/v1/capacity/aggregations/databases/?format=csv"
EXPORT = "/admin/capacity/databasesizeaggregation/export/"
FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT count(*) FROM n"


@pytest.fixture
def full():
    """Two exports under way, which are all that may be."""
    csv_export.EXPORTS.enter()
    csv_export.EXPORTS.enter()
    yield
    csv_export.EXPORTS.leave()
    csv_export.EXPORTS.leave()


def test_a_third_export_is_told_when_to_come_again(full, admin_user, admin_client):
    api = APIClient()
    api.force_authenticate(admin_user)
    answer = api.get(ROWS)
    assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (429, "30", "too_many_at_once")
    page = admin_client.get(EXPORT)
    assert (page.status_code, page["Retry-After"]) == (429, "30")
    assert "Other exports are under way" in page.content.decode()


def test_an_export_leaves_its_place_read_to_its_end_or_not(admin_client):
    for _again in range(3):
        b"".join(admin_client.get(EXPORT).streaming_content)
    for _again in range(3):
        unread = StreamingHttpResponse(csv_export.EXPORTS.around(lambda: iter("rows")))
        [close] = unread._resource_closers  # as a server does; the whole of it would close the test's connection
        close()
    with csv_export.EXPORTS, csv_export.EXPORTS, pytest.raises(Busy):
        csv_export.EXPORTS.enter()


def test_an_export_that_fails_leaves_its_place_too():
    gate = Gate(1, "full", 1)

    def failing():
        raise ZeroDivisionError
        yield

    for _again in range(2):
        with pytest.raises(ZeroDivisionError):
            next(gate.around(failing))
    with gate, pytest.raises(Busy, match="full"):
        gate.enter()


def test_a_fourth_connection_test_is_told_at_once(monkeypatch):
    for _place in range(3):
        connection_test.PROBES.enter()
    try:
        found = connection_test.probe(Instance(db_type="postgresql", host="192.0.2.1"))
    finally:
        for _place in range(3):
            connection_test.PROBES.leave()
    assert found.reason == "Other connections are being tried at the moment: try again in a few seconds."


@pytest.mark.parametrize("start", ["=", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_what_a_spreadsheet_takes_for_a_formula_is_quoted(start):
    assert cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.django_db(transaction=True)
def test_a_page_that_the_database_cannot_make_in_time_is_a_sentence(admin_client, admin_user, monkeypatch):
    def slow(*args, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute(FOREVER)

    monkeypatch.setattr("whalefall.middleware.time_limit.PAGE_SECONDS", 0.2)
    monkeypatch.setattr(type(admin.site._registry[Instance]), "get_queryset", slow)
    monkeypatch.setattr("capacity.api.instances.views.InstanceViewSet.filter_queryset", slow)
    page = admin_client.get("/admin/capacity/instance/")
    assert (page.status_code, "narrow it down with a filter" in page.content.decode()) == (503, True)
    api = APIClient()
    api.force_authenticate(admin_user)
    answer = api.get("/api/v1/instances/")
    assert (answer.status_code, answer.json()["code"]) == (503, "too_slow")


@pytest.mark.django_db(transaction=True)
def test_the_limit_of_pages_ends_with_the_page():
    with time_limit.limited_statements(0.05), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    time.sleep(0.06)
    with connection.cursor() as cursor:
        cursor.execute(FOREVER.replace("100000000", "300000"))
        assert cursor.fetchone() == (300000,)


def test_a_refused_request_is_one_line_of_the_log(client, capsys):
    user = User.objects.create_user("ann", is_staff=True)
    client.force_login(user)
    handler = logging.getLogger().handlers[0]
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, "Forbidden", (), None)
    try:
        raise PermissionDenied
    except PermissionDenied as error:
        record.exc_info = (type(error), error, error.__traceback__)
    record.status_code = 403
    handler.filter(record)
    assert "Traceback" not in handler.format(record)
    record.exc_info, record.status_code = (PermissionDenied, PermissionDenied(), None), 500
    handler.filter(record)
    assert record.exc_info


def test_what_is_cached_is_in_this_process_alone():
    assert isinstance(caches["default"], LocMemCache)


def change_password(user):
    user.set_password("another-one-9")
    user.save()


def disable_password(user):
    user.set_unusable_password()
    user.save()


@pytest.mark.parametrize("change", [change_password, disable_password])
def test_tokens_end_with_the_password(change):
    user = user_of("viewer", password="first-one-9")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user)}")
    assert client.get("/api/v1/instances/").status_code == 200
    change(User.objects.get(pk=user.pk))
    assert client.get("/api/v1/instances/").status_code == 401


def test_tokens_stay_when_a_user_is_edited_logs_in_or_his_hash_is_renewed(client, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    user = user_of("viewer", password="first-one-9")
    token_of(user)
    user.first_name = "Ann"
    user.save()
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    assert client.login(request=client.request().wsgi_request, username="viewer", password="first-one-9")
    assert User.objects.get(pk=user.pk).password.startswith("scrypt")
    assert AuthToken.objects.filter(user=user).count() == 1


@pytest.mark.parametrize("page", ["/admin/password_change/", "user"])
def test_the_form_says_that_tokens_end(admin_client, admin_user, page):
    url = reverse("admin:auth_user_password_change", args=[admin_user.pk]) if page == "user" else page
    assert "API tokens made so far end with the old password." in admin_client.get(url).content.decode()


def test_an_administrator_does_not_revoke_the_token_of_a_superuser(client):
    boss = User.objects.create_superuser("boss")
    administrator = user_of("administrator", is_staff=True)
    viewer = user_of("viewer", is_active=False)
    for user in (boss, viewer):
        token_of(user)
    client.force_login(administrator)
    chosen = [token.pk[:16] for token in AuthToken.objects.all()]
    answer = client.post("/admin/knox/authtoken/", {"action": "revoke", "_selected_action": chosen})
    assert [token.user for token in AuthToken.objects.all()] == [boss]
    told = [str(message) for message in get_messages(answer.wsgi_request)]
    assert told == ["1 token is of a user who may do more than you: it was not revoked.", "1 token revoked."]


def test_a_user_who_is_in_the_history_is_not_deleted_with_it(admin_client, admin_user):
    acted, idle = User.objects.create_user("acted"), User.objects.create_user("idle")
    LogEntry.objects.log_actions(acted.pk, [idle], CHANGE, "Changed.", single_object=True)
    page = admin_client.post(f"/admin/auth/user/{acted.pk}/delete/", {"post": "yes"})
    assert "deactivate the user instead" in page.content.decode()
    both = {"action": "delete_selected", "_selected_action": [acted.pk, idle.pk], "post": "yes"}
    admin_client.post("/admin/auth/user/", both)
    assert User.objects.filter(pk__in=[acted.pk, idle.pk]).count() == 2
    admin_client.post(f"/admin/auth/user/{idle.pk}/delete/", {"post": "yes"})
    assert list(User.objects.exclude(pk=admin_user.pk)) == [acted]
    assert LogEntry.objects.filter(user=acted).count() == 1


def test_logins_are_purged_with_the_sessions_of_runs(settings):
    settings.WHALEFALL_SESSION_RETENTION_DAYS = 30
    now = timezone.now()
    for days, name in ((31, "old"), (29, "new")):
        AccessLog.objects.create(username=name)
        AccessLog.objects.filter(username=name).update(attempt_time=now - timedelta(days=days))
        expiry = now + timedelta(days=30 - days)
        Session.objects.create(session_key=name, session_data="", expire_date=expiry)
    purge()
    assert list(AccessLog.objects.values_list("username", flat=True)) == ["new"]
    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]


def test_windows_that_nobody_asks_in_any_more_are_forgotten(time_machine):
    time_machine.move_to("2026-03-04T05:06:20Z", tick=False)
    assert [seconds_to_wait("login:a", 2, 60) for _n in range(3)] == [None, None, 40]
    time_machine.move_to("2026-03-05T05:07:20Z", tick=False)
    assert seconds_to_wait("login:b", 2, 60) is None
    assert list(RequestCount.objects.values_list("name", flat=True)) == ["login:b"]

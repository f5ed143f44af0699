from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from axes.models import AccessAttempt, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.urls import reverse

pytestmark = pytest.mark.django_db

LOGIN = reverse("admin:login")
NOW = datetime(2025, 3, 5, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai


@pytest.fixture(autouse=True)
def users():
    for name in ("ann", "ben"):
        User.objects.create_user(name, password="right", is_staff=True)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def log_in(client, name, password="right", **extra):
    return client.post(LOGIN, {"username": name, "password": password}, **extra)


def lock(client, name):
    for _attempt in range(4):
        assert log_in(client, name, "wrong").status_code == 200
    return log_in(client, name, "wrong")


def test_five_wrong_passwords_lock_the_name_and_the_page_says_until_when(client, clock):
    page = lock(client, "ann")
    assert (page.status_code, page["Retry-After"]) == (429, "901")
    assert "Wrong passwords were given for this name 5 times." in page.content.decode()
    assert "Log in again after 10:15 (Asia/Shanghai)" in page.content.decode()
    assert "<html" in page.content.decode()


def test_the_right_password_is_refused_then_and_trying_does_not_make_it_longer(client, clock):
    lock(client, "ann")
    clock.shift(timedelta(minutes=10))
    page = log_in(client, "ann")
    assert (page.status_code, page["Retry-After"]) == (429, "301")
    assert "sessionid" not in client.cookies
    clock.shift(timedelta(minutes=5, seconds=1))
    assert log_in(client, "ann").status_code == 302


def test_another_user_and_another_address_are_not_locked(client, clock):
    lock(client, "ann")
    assert log_in(client, "ben").status_code == 302
    client.logout()
    assert log_in(client, "ann", REMOTE_ADDR="192.0.2.7").status_code == 302


def test_a_name_of_nobody_is_locked_like_any_other(client, clock):
    assert lock(client, "nobody").content.decode().count("10:15") == 1


def test_whoever_logs_in_lands_on_the_dashboard_for_eight_hours(client):
    answer = log_in(client, "ann")
    assert answer["Location"] == reverse("admin:index")
    assert client.cookies["sessionid"]["max-age"] == 8 * 3600
    assert list(AccessLog.objects.values_list("username", flat=True)) == ["ann"]


def test_an_administrator_unlocks_a_name(client, admin_client, clock):
    lock(client, "ann")
    url = reverse("admin:axes_accessattempt_changelist")
    assert "Locked out" in admin_client.get(url).content.decode()
    chinese = admin_client.get(url, headers={"accept-language": "zh-hans"}).content.decode()
    assert "bg-red-100" in chinese.split("field-badge")[1].split("</td>")[0]
    chosen = {"action": "unlock", "_selected_action": [AccessAttempt.objects.get().pk]}
    answer = admin_client.post(url, chosen)
    assert [str(message) for message in get_messages(answer.wsgi_request)] == ["1 name can log in again."]
    assert LogEntry.objects.get().object_repr.startswith("Attempted Access")
    assert log_in(client, "ann").status_code == 302


def test_who_may_only_look_unlocks_nobody(client, clock):
    lock(client, "ann")
    ben = User.objects.get(username="ben")
    ben.user_permissions.add(Permission.objects.get(codename="view_accessattempt"))
    client.force_login(ben)
    url = reverse("admin:axes_accessattempt_changelist")
    assert client.get(url).status_code == 200
    client.post(url, {"action": "unlock", "_selected_action": [AccessAttempt.objects.get().pk]})
    assert AccessAttempt.objects.count() == 1


def test_no_password_is_kept_with_a_failed_login(client):
    log_in(client, "ann", "hunter2")
    kept = str(AccessAttempt.objects.values().get())
    assert "hunter2" not in kept

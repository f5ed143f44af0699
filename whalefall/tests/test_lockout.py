import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import time_machine
from axes.models import AccessAttempt, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.auth import hashers
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from whalefall.accounts.address import client_address

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
    opened = reverse("admin:axes_accessattempt_change", args=[AccessAttempt.objects.get().pk])
    assert "Deleting this line unlocks the name" in admin_client.get(opened).content.decode()
    chosen = {"action": "unlock", "_selected_action": [AccessAttempt.objects.get().pk]}
    answer = admin_client.post(url, chosen)
    assert [str(message) for message in get_messages(answer.wsgi_request)] == ["1 name can log in again."]
    assert LogEntry.objects.get().object_repr.startswith("ann (March 5, 2025, 10 a.m.")
    assert log_in(client, "ann").status_code == 302


def test_who_may_only_look_unlocks_nobody(client, clock):
    lock(client, "ann")
    ben = User.objects.get(username="ben")
    ben.user_permissions.add(Permission.objects.get(codename="view_accessattempt"))
    client.force_login(ben)
    url = reverse("admin:axes_accessattempt_changelist")
    assert client.get(url).status_code == 200
    opened = reverse("admin:axes_accessattempt_change", args=[AccessAttempt.objects.get().pk])
    assert "unlocks" not in client.get(opened).content.decode()
    client.post(url, {"action": "unlock", "_selected_action": [AccessAttempt.objects.get().pk]})
    assert AccessAttempt.objects.count() == 1


def test_no_password_is_kept_with_a_failed_login(client):
    log_in(client, "ann", "hunter2")
    kept = str(AccessAttempt.objects.values().get())
    assert "hunter2" not in kept


@pytest.fixture
def hashed(monkeypatch):
    """The passwords that were hashed to be checked, or to take as long."""
    seen = []
    real = hashers.MD5PasswordHasher.encode

    def encode(self, password, salt):
        seen.append(password)
        return real(self, password, salt)

    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", encode)
    return seen


def test_a_name_of_nobody_costs_as_much_as_one_of_somebody(client, hashed):
    costs = {}
    log_in(client, "somebody", "wrong")  # the first of a minute tidies up
    User.objects.create_user("gone", password="right", is_staff=True, is_active=False)
    User.objects.create_user("none", is_staff=True)  # without a password
    for name in ("ann", "gone", "none", "nobody"):
        hashed.clear()
        with CaptureQueriesContext(connection) as queries:
            log_in(client, name, "wrong")
        costs[name] = (len(hashed), len(queries))
    assert set(costs.values()) == {costs["ann"]}


def test_a_locked_name_is_not_hashed_for(client, clock, hashed):
    lock(client, "ann")
    hashed.clear()
    assert log_in(client, "ann").status_code == 429
    assert hashed == []


def test_fifty_wrong_passwords_from_anywhere_lock_a_name_everywhere(client, clock):
    for number in range(50):
        assert log_in(client, "ann", "wrong", REMOTE_ADDR=f"192.0.2.{number // 4}").status_code in (200, 429)
    page = log_in(client, "ann", REMOTE_ADDR="198.51.100.1")
    assert page.status_code == 429
    assert "Wrong passwords were given for this name 50 times." in page.content.decode()
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss"))
    assert boss.get("/admin/axes/accessattempt/").content.decode().count("Locked out") == 13
    assert log_in(client, "ben", REMOTE_ADDR="198.51.100.1").status_code == 302


def test_who_logs_in_takes_back_his_own_tries_alone(client, clock):
    for number in range(12):
        for _attempt in range(4):
            log_in(client, "ann", "wrong", REMOTE_ADDR=f"192.0.2.{number}")
    assert log_in(client, "ann", REMOTE_ADDR="198.51.100.1").status_code == 302
    log_in(Client(), "ann", "wrong", REMOTE_ADDR="192.0.2.100")
    assert log_in(Client(), "ann", "wrong", REMOTE_ADDR="192.0.2.101").status_code == 429


def test_logins_of_one_address_are_bounded_before_anything_is_hashed(client, clock, hashed):
    for number in range(30):
        log_in(client, f"user-{number}", "wrong")
    hashed.clear()
    answer = log_in(client, "ann")
    assert (answer.status_code, answer["Retry-After"], hashed) == (429, "61", [])
    assert "too many logins from your address" in answer.content.decode()
    assert log_in(client, "ann", REMOTE_ADDR="192.0.2.7").status_code == 302


TRUSTED = ["10.0.0.1", "10.1.0.0/16"]


@pytest.mark.parametrize(
    ("connection_from", "forwarded", "whose"),
    [
        ("192.0.2.1", "198.51.100.9", "192.0.2.1"),  # no proxy of ours: it may write what it likes
        ("10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.9", "198.51.100.9"),  # what stands before was sent by the client
        ("10.0.0.1", "1.2.3.4, 198.51.100.9, 10.1.2.3", "198.51.100.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.9", "198.51.100.9"),
    ],
)
def test_an_address_is_told_by_trusted_proxies_alone(rf, settings, connection_from, forwarded, whose):
    settings.WHALEFALL_TRUSTED_PROXIES = TRUSTED
    sent = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert client_address(rf.get("/", REMOTE_ADDR=connection_from, **sent)) == whose


def test_without_trusted_proxies_no_header_is_read(client, clock):
    for number in range(5):
        page = log_in(client, "ann", "wrong", HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")
    assert page.status_code == 429


def test_behind_a_trusted_proxy_one_client_does_not_lock_a_name_for_another(client, clock, settings):
    settings.WHALEFALL_TRUSTED_PROXIES = ["127.0.0.1"]
    for _attempt in range(5):
        page = log_in(client, "ann", "wrong", HTTP_X_FORWARDED_FOR="198.51.100.1")
    assert page.status_code == 429
    assert log_in(client, "ann", HTTP_X_FORWARDED_FOR="198.51.100.2").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_for_tries_at_the_same_time(monkeypatch):
    """As many as there are threads have been let in before the first of them is found wrong."""
    checked, together = [], Barrier(8, timeout=30)

    def check(self, password):
        checked.append(password)
        time.sleep(0.2)
        return False

    monkeypatch.setattr(User, "check_password", check)

    def guess(number):
        try:
            together.wait()
            return log_in(Client(), "ann", f"guess-{number}", HTTP_USER_AGENT=f"agent {number % 3}").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(guess, range(24)))
    assert len(checked) <= 5  # fewer when all are counted before the first of them looks
    assert statuses.count(429) >= 19

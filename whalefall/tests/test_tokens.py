"""Tokens are made by a command and in the admin, shown once, and revoked in the admin."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from whalefall.models import TokenNote

from .roles import token_of, user_of

pytestmark = pytest.mark.django_db

LIST, ADD = reverse("admin:knox_authtoken_changelist"), reverse("admin:knox_authtoken_add")


def create_token(*arguments):
    out = StringIO()
    call_command("create_token", *arguments, stdout=out)
    return out.getvalue()


def opens(text):
    url = "/api/v1/sync-sessions/00000000-0000-0000-0000-000000000000/"
    return APIClient().get(url, headers={"Authorization": f"Bearer {text}"}).status_code == 404


def days_left():
    return round((AuthToken.objects.get().expiry - timezone.now()) / timedelta(days=1), 2)


def test_the_command_prints_a_token_that_works_and_says_beside_it_until_when(capsys):
    user_of("viewer")
    (text,) = create_token("viewer").splitlines()
    assert opens(text)
    sentence = capsys.readouterr().err.strip()
    expiry = timezone.localtime(AuthToken.objects.get().expiry)
    assert sentence == (
        f"Valid for viewer until {expiry.replace(microsecond=0).isoformat(' ', 'minutes')}. "
        "Keep it now: it is not shown again."
    )
    assert days_left() == 90


def test_the_command_tells_machines_the_same():
    user_of("viewer")
    told = json.loads(create_token("viewer", "--days", "7", "--json"))
    assert opens(told["token"])
    assert (set(told), told["name"]) == ({"user", "name", "token", "expiry"}, "")
    assert datetime.fromisoformat(told["expiry"]) == AuthToken.objects.get().expiry.replace(microsecond=0)
    assert days_left() == 7


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody"], "There is no user nobody: make one in the admin first."),
        (["retired"], "The user retired is inactive, so a token would open nothing: activate it first."),
        (["viewer", "--days", "0"], "--days must be from 1 to 3650."),
        (["viewer", "--days", "9" * 20], "--days must be from 1 to 3650."),
        (["viewer", "--name", "n" * 101], "--name must have at most 100 characters."),
        (["viewer", "--name", "a\u202eb"], r"The name has a character that cannot be shown, U\+202E: remove it."),
    ],
)
def test_the_command_refuses_with_a_sentence(arguments, sentence):
    user_of("viewer")
    user_of("retired", is_active=False)
    with pytest.raises(CommandError, match=f"^{sentence}$"):
        create_token(*arguments)
    assert not AuthToken.objects.exists()


def add(client, user, days=30, name="Grafana"):
    return client.post(ADD, {"name": name, "user": user.pk, "days": days}, follow=True)


def test_the_admin_shows_a_new_token_once_and_never_again(admin_client):
    user = user_of("viewer")
    page = add(admin_client, user).content.decode()
    text = page.partition("<code>")[2].partition("</code>")[0]
    assert opens(text)
    assert days_left() == 30
    assert "Copy it now: it is not shown again." in page
    row = AuthToken.objects.get()
    again = admin_client.get(LIST).content.decode()
    assert f"{text[:8]}…" in again
    for page_later in (again, admin_client.get(reverse("admin:index")).content.decode()):
        assert text[:9] not in page_later
        assert row.digest not in page_later
    assert row.digest not in page


def test_the_history_tells_who_made_a_token_for_whom_and_not_the_token(admin_client, admin_user):
    page = add(admin_client, user_of("viewer")).content.decode()
    text = page.partition("<code>")[2].partition("</code>")[0]
    [token] = AuthToken.objects.all()
    post(admin_client, [token])
    entries = LogEntry.objects.order_by("pk")
    assert [(one.user, one.object_repr, one.get_change_message()) for one in entries] == [
        (admin_user, f"Grafana {text[:8]}… viewer", "Added."),
        (admin_user, f"Grafana {text[:8]}… viewer", "Revoked."),
    ]
    assert text[:9] not in str([vars(one) for one in entries])
    assert token.digest not in str([vars(one) for one in entries])


def post(client, tokens, action="revoke"):
    selected = [token.digest[:16] for token in tokens]
    return client.post(LIST, {"action": action, "_selected_action": selected, "index": "0"}, follow=True)


def test_revoked_tokens_open_nothing_and_the_others_go_on(admin_client):
    user = user_of("viewer")
    first, second, third = (token_of(user) for _n in range(3))
    page = post(admin_client, AuthToken.objects.filter(token_key__in=[first[:15], second[:15]]))
    assert "2 tokens revoked." in page.content.decode()
    assert [opens(text) for text in (first, second, third)] == [False, False, True]


def test_nothing_selected_revokes_nothing(admin_client):
    token_of(user_of("viewer"))
    post(admin_client, [])
    assert AuthToken.objects.count() == 1


def row(client):
    """The only token of the list: {column: what it says}"""
    cells = re.findall(r'class="field-(\w+)[^>]*>(.*?)</t[hd]>', client.get(LIST).content.decode(), re.S)
    return {column: " ".join(re.sub(r"<[^>]*>", " ", cell).split()) for column, cell in cells}


def test_the_list_says_what_a_token_is_for_and_in_which_hour_it_was_used(admin_client):
    with time_machine.travel(datetime(2025, 3, 5, 1, 0, tzinfo=UTC), tick=False) as clock:
        page = add(admin_client, user_of("viewer"), name="Grafana").content.decode()
        text = page.partition("<code>")[2].partition("</code>")[0]
        said = [row(admin_client)]
        for minutes in (10, 59, 1):
            clock.shift(timedelta(minutes=minutes))
            assert opens(text)
            said.append(row(admin_client))

    assert {(one["name"], one["beginning"], one["owner"]) for one in said} == {("Grafana", f"{text[:8]}…", "viewer")}
    assert [one["used"].partition(" (")[0] for one in said] == [
        "never",
        "March 5, 2025, 9:10 a.m.",
        "March 5, 2025, 9:10 a.m.",
        "March 5, 2025, 10:10 a.m.",
    ]


def test_a_name_given_by_the_command_is_kept():
    user_of("viewer")
    create_token("viewer", "--name", "the backup of prod-pg-1")
    assert TokenNote.objects.get().name == "the backup of prod-pg-1"


@pytest.mark.parametrize("name", ["", " ", "n" * 101, "a\u202eb"])
def test_the_form_wants_a_name_that_can_be_read(admin_client, name):
    assert add(admin_client, user_of("viewer"), name=name).context["adminform"].form.errors.keys() == {"name"}
    assert not AuthToken.objects.exists()


@pytest.mark.parametrize("days", ["", "0", "-1", "3651", "x"])
def test_days_that_are_none_are_refused_in_the_form(admin_client, days):
    assert add(admin_client, user_of("viewer"), days).context["adminform"].form.errors.keys() == {"days"}
    assert not AuthToken.objects.exists()


def test_no_page_has_the_hash_in_its_address():
    for page in ("change", "delete", "history"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:knox_authtoken_{page}", args=["x"])


def test_who_may_not_see_tokens_sees_none_not_even_their_own(staff_client):
    client = staff_client()
    text = token_of(User.objects.get(username="nobody"))
    assert client.get(LIST).status_code == 403
    assert add(client, user_of("viewer")).status_code == 403
    assert post(client, AuthToken.objects.all()).status_code == 403
    assert AuthToken.objects.get().token_key == text[:15]


def test_who_may_only_see_them_revokes_and_adds_none(staff_client):
    client = staff_client("view_authtoken")
    token_of(user_of("viewer"))
    assert client.get(LIST).status_code == 200
    post(client, AuthToken.objects.all())
    assert add(client, user_of("operator")).status_code == 403
    assert AuthToken.objects.count() == 1


def test_nobody_makes_a_token_for_somebody_who_may_do_more(client):
    """It would lend them those rights."""
    administrator = user_of("administrator", is_staff=True)
    client.force_login(administrator)
    root = User.objects.create_superuser("root")
    more = User.objects.create_user("more")
    more.user_permissions.add(Permission.objects.get(codename="delete_session"))
    retired = user_of("retired", is_active=False)
    for user in (root, more, retired):
        assert add(client, user).context["adminform"].form.errors.keys() == {"user"}
    assert not AuthToken.objects.exists()
    for user in (administrator, user_of("operator")):
        assert add(client, user).status_code == 200
    assert AuthToken.objects.count() == 2

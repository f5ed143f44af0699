"""Rules, channels and alerts in the admin, through its forms."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages

from capacity.admin.sizes.addresses import database_url
from capacity.models import Alert, AlertRule, DatabaseState, Notification, NotificationChannel
from capacity.tests.admin.staff import words
from capacity.tests.factories import make_instance

from .factories import make_alert, make_channel, make_notification, make_rule
from .receivers import web

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
RULES, CHANNELS, ALERTS = (f"/admin/capacity/{name}/" for name in ("alertrule", "notificationchannel", "alert"))
RULE = {
    "name": "large",
    "kind": "size_over",
    "level": "database",
    "severity": "warning",
    "for_days": 1,
    "enabled": "on",
    "bytes": 100,
}
CHANNEL = {
    "name": "hook",
    "kind": "webhook",
    "language": "en",
    "min_severity": "info",
    "mode": "immediately",
    "enabled": "on",
}


TEST = "capacity_notificationchannel_save_and_test"  #: the button


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def big_database():
    DatabaseState.objects.create(
        instance=make_instance("pg-1"),
        database_name="orders",
        first_day=date(2025, 1, 1),
        last_day=date(2026, 3, 2),
        last_sample_at=NOON,
        last_size_bytes=200 * 2**30,
    )


def test_a_rule_is_saved_in_the_units_of_people(admin_client):
    assert admin_client.post(f"{RULES}add/", RULE).status_code == 302
    rule = AlertRule.objects.get()
    assert rule.threshold == {"bytes": 100 * 2**30}
    assert 'value="100"' in admin_client.get(f"{RULES}{rule.pk}/change/").text


@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("days", "Full within days: 30, Growth: 7, Not collected: 2"),
        ("percent", "Use of the limit: 80, Growth: 20, Jump: 5, Drop: 5"),
        ("bytes", "Size over: 1024, Growth: 10, Jump: 1, Drop: 1"),
        ("times", "Run failed: 1"),
    ],
)
def test_a_threshold_says_what_is_usual_of_each_kind(admin_client, name, usual):
    fields = admin_client.get(f"{RULES}add/").context["adminform"].form.fields
    assert str(fields[name].help_text) == f"Empty: the usual one ({usual})."


def test_an_empty_threshold_is_the_usual_one(admin_client):
    admin_client.post(f"{RULES}add/", RULE | {"bytes": ""})
    assert AlertRule.objects.get().threshold == {}
    assert "1.0 TiB" in admin_client.get(RULES).text


def test_a_preview_says_what_would_be_open_and_saves_nothing(admin_client):
    big_database()
    page = admin_client.post(f"{RULES}add/", RULE | {"_preview": "1"}).text
    assert "1 target would be open now." in page and "pg-1 orders" in page
    assert not AlertRule.objects.exists()


def test_a_preview_needs_no_name_and_saving_does(admin_client):
    big_database()
    nameless = RULE | {"name": ""}
    assert "1 target would be open now." in admin_client.post(f"{RULES}add/", nameless | {"_preview": "1"}).text
    assert admin_client.post(f"{RULES}add/", nameless).context["errors"]
    assert not AlertRule.objects.exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"level": "fleet"}, "This kind of rule knows only: Database, Instance."),
        ({"bytes": 0}, "Give a number from 1 to"),
        ({"kind": "growth", "days": 14}, "Give one of: 7, 30."),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_a_sentence(admin_client, change, problem):
    assert problem in admin_client.post(f"{RULES}add/", RULE | change).text
    assert not AlertRule.objects.exists()


@time_machine.travel(NOON, tick=False)
def test_a_channel_is_saved_tested_and_never_shows_its_address_or_secret(admin_client):
    with web(200) as server:
        address = f"{server.url}/hook/abcd"
        form = CHANNEL | {"new_address": address, "new_secret": "s3cret", TEST: "1"}
        answer = admin_client.post(f"{CHANNELS}add/", form)
    channel = NotificationChannel.objects.get()
    assert (channel.address, channel.secret) == (address, "s3cret")
    assert "The test message was delivered." in said(answer)
    assert Notification.objects.get().kind == "test"
    for page in (f"{CHANNELS}{channel.pk}/change/", CHANNELS):
        text = admin_client.get(page).text
        assert "127.0.0.1…abcd" in text
        assert "/hook/" not in text and "s3cret" not in text
    assert "s3cret" not in "".join(entry.change_message for entry in LogEntry.objects.all())


def test_a_channel_is_tried_from_the_form_of_a_new_one_as_well(admin_client):
    for page in ("add", f"{make_channel().pk}/change"):
        assert f'name="{TEST}"' in admin_client.get(f"{CHANNELS}{page}/").text


@time_machine.travel(NOON, tick=False)
def test_a_test_that_does_not_arrive_says_why(admin_client):
    with web((404, b"no such hook")) as server:
        form = CHANNEL | {"new_address": server.url, TEST: "1"}
        answer = admin_client.post(f"{CHANNELS}add/", form)
    assert "The test message was not delivered: HTTP 404 no such hook" in said(answer)


def test_blank_fields_keep_the_stored_address(admin_client):
    channel = make_channel(address="https://example.com/x", secret="s")
    admin_client.post(f"{CHANNELS}{channel.pk}/change/", CHANNEL)
    channel.refresh_from_db()
    assert (channel.name, channel.address, channel.secret) == ("hook", "https://example.com/x", "s")


def test_the_help_of_address_and_secret_is_shown_for_the_kind_that_is_chosen(admin_client):
    page = admin_client.get(f"{CHANNELS}add/")
    fields = page.context["adminform"].form.fields
    for kind in NotificationChannel.Kind:
        assert f"kind == &#x27;{kind}&#x27;" in str(fields["new_address"].help_text)
    assert '<span x-show="kind == &#x27;telegram&#x27;">Telegram: the id of the chat.</span>' in page.text
    assert "DingTalk, Feishu, Lark: of the signature, if the robot has one." in words(page)
    chinese = admin_client.get(f"{CHANNELS}add/", headers={"accept-language": "zh-hans"})
    assert "钉钉" in str(words(chinese))


def test_a_kind_without_a_secret_keeps_none(admin_client):
    channel = make_channel(secret="s3cret")
    answer = admin_client.post(
        f"{CHANNELS}{channel.pk}/change/", CHANNEL | {"kind": "email", "new_address": "dba@example.com"}
    )
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    channel.refresh_from_db()
    assert (channel.kind, channel.secret) == ("email", "")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"new_address": "http://169.254.169.254/"}, "cloud metadata address"),
        ({"new_address": "ftp://x"}, "begins with https://"),
        ({"new_address": ""}, "Give the address."),
        ({"kind": "email", "new_address": "nobody"}, "Enter a valid email address."),
        ({"kind": "telegram", "new_address": "-1"}, "Give the token of the bot."),
        ({"new_address": "https://example.com", "mode": "daily"}, "Give the time of the message."),
    ],
)
def test_a_channel_that_cannot_work_is_refused_with_a_sentence(admin_client, change, problem):
    assert problem in admin_client.post(f"{CHANNELS}add/", CHANNEL | change).text
    assert not NotificationChannel.objects.exists()


def going(answer):
    """What a page that asks before deleting names, and what it counts."""
    context = answer.context
    listed = context.get("deleted_objects") or context["deletable_objects"]
    return listed, {str(what): count for what, count in context["model_count"]}


def test_before_a_channel_is_deleted_its_messages_are_counted_not_listed(admin_client):
    channel, other = make_channel(), make_channel()
    make_rule("size_over", channel, other)
    for one in [channel] * 30 + [other]:
        make_notification(one).alerts.add(make_alert())
    url = f"{CHANNELS}{channel.pk}/delete/"
    assert going(admin_client.get(url)) == ([f"Channel: {channel}"], {"channels": 1, "notifications": 30})
    chosen = {"action": "delete_selected", "_selected_action": [channel.pk, other.pk]}
    assert going(admin_client.post(CHANNELS, chosen)) == (
        [[f"Channel: {channel}", f"Channel: {other}"]],
        {"channels": 2, "notifications": 31},
    )

    admin_client.post(url, {"post": "yes"})
    assert list(NotificationChannel.objects.all()) == [other]
    assert Notification.objects.count() == 1
    assert Alert.objects.count() == 31


@time_machine.travel(NOON, tick=False)
def test_an_alert_is_acknowledged_from_its_page_after_a_question(admin_client, admin_user):
    alert = make_alert()
    url = f"{ALERTS}{alert.pk}/acknowledge/"
    assert "Acknowledge 1 alert" in admin_client.get(url).text
    answer = admin_client.post(url, {"confirmed": "yes", "note": "seen"})
    assert said(answer) == ["1 alert acknowledged."]
    alert.refresh_from_db()
    assert (alert.status, alert.note, alert.acknowledged_by, alert.acknowledged_at) == (
        "acknowledged",
        "seen",
        admin_user,
        NOON,
    )


@time_machine.travel(NOON, tick=False)
def test_chosen_alerts_are_silenced_together(admin_client):
    chosen = [make_alert().pk for _ in range(2)]
    form = {"action": "silence_selected", "_selected_action": chosen, "confirmed": "yes", "days": 7, "note": ""}
    answer = admin_client.post(ALERTS, form)
    assert said(answer) == ["2 alerts silenced until March 9, 2026, noon (Asia/Shanghai)."]
    untils = set(Alert.objects.values_list("silenced_until", flat=True))
    assert untils == {datetime(2026, 3, 9, 4, tzinfo=UTC)}


def test_the_list_says_who_has_acknowledged_an_alert_and_the_note(admin_client, admin_user):
    make_alert(status="acknowledged", acknowledged_by=admin_user, note="A disk is ordered.")
    make_alert(note="<b>" + "x" * 200)
    shown = words(admin_client.get(ALERTS))
    assert "admin A disk is ordered." in shown
    assert f" <b>{'x' * 116}… " in shown


def test_the_page_of_an_alert_says_severity_and_status_in_words(admin_client):
    page = admin_client.get(f"{ALERTS}{make_alert().pk}/change/").text
    assert "Warning" in page and "Open" in page
    assert "(&#x27;warning&#x27;" not in page


def test_the_page_of_an_alert_leads_to_its_instance_and_database_while_they_are_there(admin_client):
    instance = make_instance("pg-1")
    url = f"{ALERTS}{make_alert(instance=instance).pk}/change/"
    page = admin_client.get(url).text
    for address in (database_url(instance.pk, ""), database_url(instance.pk, "orders")):
        assert f'href="{address}"' in page
    Alert.objects.update(instance=None)
    page = admin_client.get(url).text
    assert "orders" in page and "databasestate/of" not in page


def test_the_list_shows_what_is_open_unless_asked_for_more(admin_client):
    make_alert(database="now")
    make_alert(database="before", status="resolved")
    assert [name in admin_client.get(ALERTS).text for name in ("pg-1 now", "pg-1 before")] == [True, False]
    assert "pg-1 before" in admin_client.get(ALERTS, {"status": "all"}).text

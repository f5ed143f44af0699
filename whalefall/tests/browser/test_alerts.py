"""An alert from the rule that opens it to its end, as a DBA goes through it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from capacity.alerts.evaluation import evaluate
from capacity.alerts.outbox import send_pending
from capacity.collection.ingest import ingest
from capacity.models import Alert, AlertRule, DatabaseState, NotificationChannel
from capacity.tests.alerts.factories import make_alert
from capacity.tests.alerts.receivers import web
from capacity.tests.factories import a_sample, make_instance

pytestmark = pytest.mark.django_db(transaction=True)
GIB = 2**30


@pytest.fixture
def now():
    """The moment; the rules that come with the database would open alerts of their own."""
    AlertRule.objects.all().delete()
    return timezone.now()


@pytest.fixture
def instance(now):
    """Its orders have 200 GiB."""
    one = make_instance("shop-1")
    ingest([a_sample(one, now, 200 * GIB, "orders"), a_sample(one, now, GIB, "audit")], now=now)
    return one


def test_a_channel_is_saved_and_tried_and_says_how_it_went(window):
    with web(200, (404, b"no such hook")) as receiver:
        window.visit("capacity_notificationchannel_add")
        window.page.get_by_label("Kind").select_option(label="Mail")
        window.says("Mail: addresses, separated by commas.")
        expect(window.page.get_by_label("Secret")).to_be_hidden()
        window.page.get_by_label("Kind").select_option(label="Webhook (JSON)")
        window.says("Webhook (JSON): signs each message.")
        expect(window.page.get_by_text("Mail: addresses, separated by commas.")).to_be_hidden()
        window.fill(Name="on call", Address=f"{receiver.url}/hook", Secret="s3cret")
        window.press("Save and send a test")
        window.says("The test message was delivered.")
        [test] = receiver.requests
        assert test.json["alerts"][0]["kind"] == "test"
        assert test.headers["X-WhaleFall-Signature"].startswith("sha256=")
        window.page.locator("#result_list").get_by_role("link", name="on call").click()
        window.press("Save and send a test")
        window.says("The test message was not delivered: HTTP 404 no such hook")
    assert "/hook" not in window.page.content()


def test_a_rule_shows_what_it_would_open_before_it_is_saved_and_its_alert_is_followed_to_the_end(
    window, instance, now, admin_user
):
    with web(200) as receiver:
        channel = NotificationChannel.objects.create(name="on call", kind="webhook", address=receiver.url)
        window.visit("capacity_alertrule_add")
        window.fill(Name="Large databases")
        window.page.get_by_label("Kind").select_option(label="Size over")
        window.page.get_by_label("Size (GiB)").fill("100")
        expect(window.page.get_by_label("Percent")).to_be_hidden()
        window.page.get_by_label("Channels", exact=True).select_option(label=channel.name)
        window.press("What would be open now?")
        window.says("1 target would be open now.")
        window.says("shop-1 orders")
        assert not AlertRule.objects.exists()
        window.press("Save")
        window.says("was added successfully")
        assert AlertRule.objects.get().threshold == {"bytes": 100 * GIB}

        evaluate(now)
        assert send_pending().sent == 1
        window.visit("capacity_instance_change", instance.pk)
        window.page.locator("#open-alerts").get_by_role("link", name="Size over: shop-1 orders").click()
        window.says("200.0 GiB, at or over 100.0 GiB.")
        window.press("Acknowledge")
        window.fill(Note="A disk is ordered.")
        window.press("Acknowledge")
        window.says("1 alert acknowledged.")
        window.says("A disk is ordered.")
        alert = Alert.objects.get()
        assert (alert.status, alert.acknowledged_by) == ("acknowledged", admin_user)

        DatabaseState.objects.filter(database_name="orders").update(last_size_bytes=50 * GIB)
        for days in (1, 2):  # clear on one day is not over yet
            evaluate(now + timedelta(days=days))
        assert send_pending(lambda: now + timedelta(days=3)).sent == 1
        window.page.reload()
        window.says("Resolved")
        assert [one.json["alerts"][0]["status"] for one in receiver.requests] == ["open", "resolved"]
    window.visit("capacity_instance_change", instance.pk)
    expect(window.page.locator("#open-alerts")).to_have_count(0)
    window.visit("capacity_alert_changelist", query="?status=resolved")
    expect(window.page.locator("#result_list")).to_contain_text("shop-1 orders")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_of_alerts_fit(window, instance, width):
    alert = make_alert(instance=instance, note="A disk is ordered. " * 20, database="a" * 200)
    make_alert(instance=instance, status="acknowledged")
    window.resize(width)
    faults = []
    for name, args in (
        ("capacity_instance_change", (instance.pk,)),
        ("capacity_databasestate_change", (DatabaseState.objects.get(database_name="orders").pk,)),
        ("capacity_alert_changelist", ()),
        ("capacity_alert_change", (alert.pk,)),
        ("capacity_alert_acknowledge_one", (alert.pk,)),
        ("capacity_alertrule_add", ()),
        ("capacity_notificationchannel_add", ()),
    ):
        window.visit(name, *args)
        faults += [f"{name}: {fault}" for fault in window.check_layout()]
    assert faults == []

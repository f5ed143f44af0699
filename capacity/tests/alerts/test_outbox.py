"""The outbox: one sender a message, tries at growing intervals, and what a dead sender leaves behind."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from capacity.alerts.monthly import queue_reports
from capacity.alerts.outbox import Sent, send_pending, send_test
from capacity.models import Notification, NotificationStatus

from .factories import make_alert, make_channel
from .receivers import mail_server, web

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


def write(channel, key="once", **fields):
    notification = Notification.objects.create(
        channel=channel, kind="opened", dedup_key=key, **{"next_try_at": NOON, **fields}
    )
    notification.alerts.add(make_alert())
    return notification


def at(moment):
    return lambda: moment


def test_a_message_is_tried_again_at_growing_intervals_and_then_has_failed():
    with web(500) as server:
        message = write(make_channel("webhook", server.url))
        waits, moment = [], NOON
        for _ in range(6):
            send_pending(at(moment))
            message.refresh_from_db()
            waits.append(message.next_try_at - moment)
            moment = message.next_try_at
    minutes = [wait // timedelta(minutes=1) for wait in waits]
    assert minutes == [1, 5, 30, 120, 480, 0]
    assert (message.status, message.attempts, len(server.requests)) == (NotificationStatus.FAILED, 6, 6)


def test_nothing_is_sent_before_its_time():
    with web(200) as server:
        write(make_channel("webhook", server.url), next_try_at=NOON + timedelta(seconds=1))
        assert send_pending(at(NOON)) == Sent()
    assert server.requests == []


def test_an_error_that_passes_is_forgotten_when_the_message_arrives():
    with web(500, 200) as server:
        message = write(make_channel("webhook", server.url))
        send_pending(at(NOON))
        send_pending(at(NOON + timedelta(minutes=1)))
    message.refresh_from_db()
    message.channel.refresh_from_db()
    assert (message.status, message.error, message.attempts) == (NotificationStatus.SENT, "", 2)
    assert message.channel.last_ok_at == NOON + timedelta(minutes=1)


def test_a_message_that_another_sender_has_is_left_to_it():
    with web(200) as server:
        write(make_channel("webhook", server.url), status="sending", claimed_at=NOON - timedelta(minutes=4))
        assert send_pending(at(NOON)) == Sent()
    assert server.requests == []


def test_a_message_of_a_dead_sender_is_sent_and_says_that_it_may_have_arrived_twice():
    with web(200) as server:
        message = write(
            make_channel("webhook", server.url), status="sending", claimed_at=NOON - timedelta(minutes=6), attempts=1
        )
        send_pending(at(NOON))
    message.refresh_from_db()
    assert (message.status, message.maybe_repeated, message.attempts) == (NotificationStatus.SENT, True, 2)
    assert len(server.requests) == 1


def test_a_robot_is_sent_no_more_than_it_takes_in_a_minute():
    with web((200, b'{"errcode": 0}')) as server:
        channel = make_channel("dingtalk", f"{server.url}/x?access_token=x")
        for number in range(17):
            write(channel, f"key {number}")
        first = send_pending(at(NOON))
        second = send_pending(at(NOON + timedelta(seconds=61)))
    assert (first.sent, second.sent, len(server.requests)) == (15, 2, 17)


def test_a_channel_that_is_switched_off_sends_nothing():
    with web(200) as server:
        write(make_channel("webhook", server.url, enabled=False))
        assert send_pending(at(NOON)) == Sent()
    assert server.requests == []


@time_machine.travel(NOON, tick=False)
def test_a_test_goes_the_way_of_every_message_and_switches_nothing_off():
    with web(404) as server:
        channel = make_channel("webhook", server.url)
        sent = send_test(channel)
    channel.refresh_from_db()
    assert (sent.status, sent.error, channel.enabled) == (NotificationStatus.FAILED, "HTTP 404 ok", True)


@time_machine.travel(NOON, tick=False)
def test_a_mail_has_text_and_html_in_the_language_of_the_channel(settings):
    settings.WHALEFALL_SITE_URL = "https://whalefall.example"
    with mail_server(settings) as mails:
        write(make_channel("email", "dba@example.com, ops@example.com", language="zh-hans"))
        assert send_pending(at(NOON)) == Sent(sent=1)
    [(recipients, mail)] = mails
    assert recipients == ["dba@example.com", "ops@example.com"]
    assert mail["Subject"].strip() == "[WhaleFall] 警告：大小超过阈值：pg-1 orders"  # a long header is folded
    text, html = (mail.get_body([kind]).get_content() for kind in ("plain", "html"))
    assert "pg-1 orders" in text and "https://whalefall.example/admin/capacity/alert/" in text
    assert "pg-1 orders" in html


@time_machine.travel(NOON, tick=False)
def test_in_a_mail_of_several_each_says_how_bad_it_is(settings):
    with mail_server(settings) as mails:
        message = write(make_channel("email", "dba@example.com"))
        message.alerts.add(make_alert(severity="critical", database="audit"))
        send_pending(at(NOON))
    html = mails[0][1].get_body(["html"]).get_content()
    assert re.findall(r"(\w+)</span> Size over: pg-1 (\w+)", html) == [("Critical", "audit"), ("Warning", "orders")]


def test_without_a_mail_server_the_message_waits_and_says_what_to_set(settings):
    settings.EMAIL_URL = {}
    message = write(make_channel("email", "dba@example.com"))
    send_pending(at(NOON))
    message.refresh_from_db()
    assert (message.status, "EMAIL_URL" in message.error) == (NotificationStatus.PENDING, True)


@time_machine.travel(NOON, tick=False)
def test_the_report_of_a_month_is_mailed_once_as_a_page_and_as_csv(settings):
    channel = make_channel("email", "boss@example.com", monthly_report=True)
    make_channel("email", "dba@example.com")
    assert [queue_reports(), queue_reports()] == [1, 0]
    with mail_server(settings) as mails:
        assert send_pending(at(NOON)) == Sent(sent=1)
    [(recipients, mail)] = mails
    [csv] = mail.iter_attachments()
    assert recipients == [channel.address]
    assert mail["Subject"] == "[WhaleFall] Capacity in 2026-02"
    assert csv.get_filename() == "whalefall-2026-02.csv"
    assert "<html" in mail.get_body(["html"]).get_content()

"""What each service is sent, and what its answers mean: against a server on loopback."""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from capacity.alerts import services
from capacity.alerts.outbox import send_pending
from capacity.models import Notification, NotificationStatus

from .factories import make_alert, make_channel
from .receivers import web

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)  # 12:00 in Asia/Shanghai


def send(channel, *alerts, kind="opened"):
    """The message about these alerts, sent; gives its row."""
    notification = Notification.objects.create(channel=channel, kind=kind, dedup_key="once", next_try_at=NOON)
    notification.alerts.set(alerts or [make_alert(severity="critical")])
    send_pending(lambda: NOON)
    notification.refresh_from_db()
    return notification


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        ("slack", "/services/x", {"text"}),
        ("teams", "/workflows/x", {"type", "attachments"}),
        ("dingtalk", "/robot/send?access_token=x", {"msgtype", "markdown"}),
        ("feishu", "/hook/x", {"msg_type", "content"}),
        ("lark", "/hook/x", {"msg_type", "content"}),
        ("wecom", "/send?key=x", {"msgtype", "markdown"}),
        ("webhook", "/x", {"version", "subject", "link", "more", "alerts"}),
    ],
)
def test_a_service_is_sent_what_it_takes(kind, path, body):
    with web(200) as server:
        sent = send(make_channel(kind, f"{server.url}{path}"))
    [request] = server.requests
    assert (sent.status, sent.response_code) == (NotificationStatus.SENT, 200)
    assert (request.path, set(request.json)) == (path, body)
    assert "pg-1 orders" in request.body.decode() and "2.0 TiB" in request.body.decode()


@time_machine.travel(NOON, tick=False)
def test_a_robot_of_dingtalk_is_sent_its_signature():
    with web(200) as server:
        send(make_channel("dingtalk", f"{server.url}/robot/send?access_token=x", secret="SEC1"))
    query = parse_qs(urlsplit(server.requests[0].path).query)
    digest = hmac.new(b"SEC1", b"1772424000000\nSEC1", hashlib.sha256).digest()
    assert query["timestamp"] == ["1772424000000"]
    assert query["sign"] == [services.base64.b64encode(digest).decode()]


@time_machine.travel(NOON, tick=False)
def test_a_webhook_can_check_that_a_message_is_ours():
    with web(204) as server:
        send(make_channel("webhook", server.url, secret="s3cret"))
    [request] = server.requests
    signed = f"{request.headers['X-WhaleFall-Timestamp']}.".encode() + request.body
    assert request.headers["X-WhaleFall-Timestamp"] == "1772424000"
    assert request.headers["X-WhaleFall-Signature"] == f"sha256={hmac.new(b's3cret', signed, 'sha256').hexdigest()}"
    [alert] = request.json["alerts"]
    assert (alert["severity"], alert["database"], alert["value"]) == ("critical", "orders", 2 * 2**40)


@time_machine.travel(NOON, tick=False)
def test_ntfy_and_telegram_are_written_to_at_their_own_addresses(monkeypatch):
    with web(200) as server:
        monkeypatch.setattr(services, "TELEGRAM", server.url)
        send(make_channel("ntfy", f"{server.url}/dba", secret="tk"))
        send(make_channel("telegram", "-100", secret="12:ab"))
    ntfy, telegram = server.requests
    assert (ntfy.path, ntfy.json["topic"], ntfy.json["priority"]) == ("/", "dba", 5)
    assert ntfy.headers["Authorization"] == "Bearer tk"
    assert (telegram.path, telegram.json["chat_id"]) == ("/bot12:ab/sendMessage", "-100")


@time_machine.travel(NOON, tick=False)
def test_an_alertmanager_is_told_since_when_and_until_when():
    with web(200) as server:
        channel = make_channel("alertmanager", server.url)
        send(channel, make_alert(opened_at=NOON))
        Notification.objects.all().delete()
        send(channel, make_alert(opened_at=NOON), kind="resolved")
    opened, resolved = (request.json[0] for request in server.requests)
    assert server.requests[0].path == "/api/v2/alerts"
    assert opened["labels"]["instance"] == "pg-1" and opened["labels"]["severity"] == "warning"
    assert (opened["startsAt"], opened["endsAt"]) == ("2026-03-02T04:00:00+00:00", "2026-03-05T04:00:00+00:00")
    assert resolved["endsAt"] == "2026-03-02T04:00:00+00:00"


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    ("kind", "answer", "status", "enabled"),
    [
        ("webhook", 500, NotificationStatus.PENDING, True),
        ("webhook", 429, NotificationStatus.PENDING, True),
        ("webhook", 404, NotificationStatus.FAILED, False),
        ("webhook", (302, b"", {"Location": "http://169.254.169.254/"}), NotificationStatus.FAILED, False),
        ("slack", (403, b"invalid_token"), NotificationStatus.FAILED, False),
        ("dingtalk", (200, b'{"errcode": 310000, "errmsg": "sign not match"}'), NotificationStatus.FAILED, False),
        ("dingtalk", (200, b'{"errcode": 130101, "errmsg": "too fast"}'), NotificationStatus.PENDING, True),
        ("wecom", (200, b'{"errcode": 93000, "errmsg": "invalid key"}'), NotificationStatus.FAILED, False),
        ("wecom", (200, b'{"errcode": 45009, "errmsg": "limit"}'), NotificationStatus.PENDING, True),
        ("feishu", (200, b'{"code": 19021, "msg": "sign match fail"}'), NotificationStatus.FAILED, False),
        ("feishu", (200, b'{"code": 0, "msg": "success"}'), NotificationStatus.SENT, True),
    ],
)
def test_an_answer_says_whether_another_try_can_help(kind, answer, status, enabled):
    with web(answer) as server:
        channel = make_channel(kind, f"{server.url}/x?key=x")
        sent = send(channel)
    channel.refresh_from_db()
    assert len(server.requests) == 1
    assert (sent.status, channel.enabled) == (status, enabled)
    assert bool(channel.disabled_reason) is not enabled


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize("address", ["http://169.254.169.254/latest", "http://[fe80::1]/", "http://127.0.0.1:9/"])
def test_what_may_not_be_reached_or_does_not_answer_is_a_sentence(address):
    sent = send(make_channel("webhook", address))
    assert sent.status == NotificationStatus.PENDING
    assert "169.254.169.254" in sent.error or "fe80::1" in sent.error or "refused" in sent.error


@time_machine.travel(NOON, tick=False)
def test_a_long_message_is_cut_at_the_end_of_an_alert():
    with web(200) as server:
        send(make_channel("wecom", f"{server.url}/x?key=x"), *(make_alert() for _ in range(40)))
    text = server.requests[0].json["markdown"]["content"]
    assert len(text.encode()) <= 4096
    assert "20 more" in text

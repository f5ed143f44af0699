"""What each chat service, webhook and Alertmanager wants to be sent, and how it says no.

Own bodies over `collection.web` rather than a library of senders: the answer decides whether a channel is tried
again or switched off, a robot of DingTalk or WeCom answers 200 with the error inside, and the address that is
connected to must be the one that was checked. A library of this field tells none of it apart.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus, urlsplit

from django.utils import timezone

from capacity.collection.web import Answer
from capacity.errors import FieldKeyError
from capacity.models import NotificationChannel

from .message import Message

Kind = NotificationChannel.Kind
TELEGRAM = "https://api.telegram.org"
#: How long an Alertmanager takes an alert for active; it is told again with every evaluation.
ACTIVE_FOR = timedelta(days=3)


@dataclass(frozen=True)
class Outgoing:
    """A request to be sent. `body` is JSON as it goes out, since a signature is made of these very bytes."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """Why a service did not take a message; `permanent`: no further try can help."""

    reason: str
    permanent: bool


@dataclass(frozen=True)
class Service:
    """A row of the table: how to write to it, and what its answers mean."""

    write: Callable[[NotificationChannel, Message, str], Outgoing]  #: the text is within the limit
    limit: int  #: characters of a text that it takes
    per_minute: int | None = None  #: messages; more are refused, by some for minutes
    #: (code, text) of an answer's JSON; a code of 0 or None is no error
    error: Callable[[Any], tuple[int | None, str]] = lambda answer: (None, "")
    again: frozenset[int] = frozenset()  #: codes that pass by themselves: too many messages, busy


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode()


def _slack(channel: NotificationChannel, message: Message, text: str) -> Outgoing:
    # https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    return Outgoing(channel.address, _json({"text": f"*{message.subject}*\n{text}"}))


def _teams(channel: NotificationChannel, message: Message, text: str) -> Outgoing:
    # https://learn.microsoft.com/connectors/teams: "When a Teams webhook request is received" takes a card.
    texts = [
        {"type": "TextBlock", "text": message.subject, "weight": "bolder", "wrap": True},
        {"type": "TextBlock", "text": text, "wrap": True},
    ]
    card = {"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4"}
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": {**card, "body": texts}}
    return Outgoing(channel.address, _json({"type": "message", "attachments": [content]}))


def _dingtalk(channel: NotificationChannel, message: Message, text: str) -> Outgoing:
    # https://open.dingtalk.com/document/orgapp/customize-robot-security-settings
    url = channel.address
    if channel.secret:
        moment = str(round(time.time() * 1000))
        digest = hmac.new(channel.secret.encode(), f"{moment}\n{channel.secret}".encode(), hashlib.sha256).digest()
        url += f"&timestamp={moment}&sign={quote_plus(base64.b64encode(digest))}"
    # Two blanks before the end of a line are a new line in its markdown.
    text = f"### {message.subject}\n\n{text}".replace("\n", "  \n")
    return Outgoing(url, _json({"msgtype": "markdown", "markdown": {"title": message.subject, "text": text}}))


def _feishu(channel: NotificationChannel, message: Message, text: str) -> Outgoing:
    # https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot; Lark is the same service abroad.
    text = f"{message.subject}\n{text}"
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
    if channel.secret:
        moment = str(round(time.time()))
        digest = hmac.new(f"{moment}\n{channel.secret}".encode(), b"", hashlib.sha256).digest()
        body |= {"timestamp": moment, "sign": base64.b64encode(digest).decode()}
    return Outgoing(channel.address, _json(body))


def _wecom(channel: NotificationChannel, message: Message, text: str) -> Outgoing:
    # https://developer.work.weixin.qq.com/document/path/91770: at most 4,096 bytes of UTF-8.
    text = f"**{message.subject}**\n{text}"
    return Outgoing(channel.address, _json({"msgtype": "markdown", "markdown": {"content": text}}))


def _telegram(channel: NotificationChannel, message: Message, text: str) -> Outgoing:
    # https://core.telegram.org/bots/api#sendmessage; the address is the chat's id, the secret the bot's token.
    text = f"{message.subject}\n{text}"
    return Outgoing(f"{TELEGRAM}/bot{channel.secret}/sendMessage", _json({"chat_id": channel.address, "text": text}))


def _ntfy(channel: NotificationChannel, message: Message, text: str) -> Outgoing:
    # https://docs.ntfy.sh/publish/#publish-as-json: as JSON, since a header holds no Chinese.
    root, _slash, topic = channel.address.rstrip("/").rpartition("/")
    body = {
        "topic": topic,
        "title": message.subject,
        "message": text,
        "priority": {"info": 2, "warning": 4, "critical": 5}[message.severity],
        **({"click": message.link} if message.link else {}),
    }
    return Outgoing(root, _json(body), {"Authorization": f"Bearer {channel.secret}"} if channel.secret else {})


def _webhook(channel: NotificationChannel, message: Message, text: str) -> Outgoing:
    """Signed: X-WhaleFall-Signature is "sha256=" and the HMAC of "<timestamp>.<body>" with the secret."""
    body = _json(
        {
            "version": 1,
            "subject": message.subject,
            "link": message.link,
            "more": message.more,
            "alerts": [part.facts for part in message.parts],
        }
    )
    moment = str(round(time.time()))
    headers = {"X-WhaleFall-Timestamp": moment}
    if channel.secret:
        digest = hmac.new(channel.secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        headers["X-WhaleFall-Signature"] = f"sha256={digest}"
    return Outgoing(channel.address, body, headers)


def _alertmanager(channel: NotificationChannel, message: Message, text: str) -> Outgoing:
    # https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
    now = timezone.now()
    alerts = [
        {
            "labels": {
                "alertname": part.facts["rule"],
                "severity": part.severity,
                **{key: part.facts[key] for key in ("instance", "database") if part.facts.get(key)},
            },
            "annotations": {"summary": part.title, "description": "\n".join(part.lines)},
            "startsAt": part.started_at.isoformat(),
            "endsAt": (now if part.resolved else now + ACTIVE_FOR).isoformat(),
            **({"generatorURL": part.link} if part.link else {}),
        }
        for part in message.parts
    ]
    root = channel.address.rstrip("/").removesuffix("/api/v2/alerts")
    headers = {"Authorization": f"Bearer {channel.secret}"} if channel.secret else {}
    return Outgoing(f"{root}/api/v2/alerts", _json(alerts), headers)


def _errcode(answer: Any) -> tuple[int | None, str]:
    return (answer.get("errcode"), str(answer.get("errmsg", ""))) if isinstance(answer, dict) else (None, "")


def _code(answer: Any) -> tuple[int | None, str]:
    return (answer.get("code"), str(answer.get("msg", ""))) if isinstance(answer, dict) else (None, "")


SERVICES: Mapping[str, Service] = {
    Kind.SLACK: Service(_slack, 30_000, per_minute=60),
    Kind.TEAMS: Service(_teams, 20_000),
    # 130101: over 20 a minute; -1: busy. Past its limit a robot is silent for ten minutes.
    Kind.DINGTALK: Service(_dingtalk, 5_000, per_minute=15, error=_errcode, again=frozenset({-1, 130101, 130102})),
    Kind.FEISHU: Service(_feishu, 10_000, per_minute=90, error=_code, again=frozenset({11232})),
    Kind.LARK: Service(_feishu, 10_000, per_minute=90, error=_code, again=frozenset({11232})),
    Kind.WECOM: Service(_wecom, 1_200, per_minute=18, error=_errcode, again=frozenset({-1, 45009, 45033})),
    Kind.TELEGRAM: Service(_telegram, 4_000, per_minute=18),
    Kind.NTFY: Service(_ntfy, 4_000, per_minute=50),
    Kind.WEBHOOK: Service(_webhook, 100_000),
    Kind.ALERTMANAGER: Service(_alertmanager, 100_000),
}


def refusal(service: Service, answer: Answer) -> Refusal | None:
    """What an answer means; None when the message was taken."""
    code, text = service.error(answer.json())
    if 200 <= answer.status < 300:
        return Refusal(f"{code}: {text}"[:500], code not in service.again) if code else None
    said = answer.body.decode("utf-8", "replace").strip()[:300]
    # A redirect is followed by nobody: it may lead anywhere.
    passes = answer.status >= 500 or answer.status in (408, 425, 429)
    return Refusal(f"HTTP {answer.status} {said}".strip(), permanent=not passes)


def masked(channel: NotificationChannel) -> str:
    """The host and the last four characters of an address, for people who may not see it whole."""
    try:
        address = channel.address
    except FieldKeyError as error:
        return str(error)
    host = urlsplit(address).hostname if "://" in address else ""
    return f"{host or ''}…{address[-4:]}"

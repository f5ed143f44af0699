"""Sending what the outbox holds. A claim is a conditional UPDATE, so one message has one sender; no transaction is
open while a server is spoken to."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import F
from django.utils import timezone, translation

from capacity.collection.hosts import NOTIFY
from capacity.collection.web import request
from capacity.errors import CapacityError
from capacity.models import Notification, NotificationChannel, NotificationStatus
from sync_sessions.common.masking import clean_error

from .compose import compose
from .mail import send_mail
from .services import SERVICES, Refusal, refusal

log = structlog.get_logger(__name__)

#: How long after each failed try comes the next; after the last one the message has failed.
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=8))
#: A claim older than this is of a sender that died: longer than any try takes.
CLAIM = timedelta(minutes=5)
DEADLINE = 30.0  #: seconds for one request, whatever the server does


@dataclass(frozen=True)
class Sent:
    """What became of a pass over the outbox."""

    sent: int = 0
    failed: int = 0
    waiting: int = 0  #: those that will be tried again

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(self.sent + other.sent, self.failed + other.failed, self.waiting + other.waiting)


class Refused(CapacityError):
    """The service has answered, and did not take the message."""

    code = "notification_refused"

    def __init__(self, refusal: Refusal, status: int | None = None) -> None:
        super().__init__(refusal.reason)
        self.permanent = refusal.permanent
        self.status = status


def send_pending(now: Callable[[], datetime] = timezone.now) -> Sent:
    """Sends every message that is due, each claimed first; gives the counts.

    Messages of a dead sender are claimed again once, and say that they may have arrived twice.
    """
    total = Sent()
    Notification.objects.filter(status=NotificationStatus.SENDING, claimed_at__lt=now() - CLAIM).update(
        status=NotificationStatus.PENDING, maybe_repeated=True
    )
    due = Notification.objects.filter(status=NotificationStatus.PENDING, next_try_at__lte=now(), channel__enabled=True)
    for pk in due.order_by("next_try_at", "pk").values_list("pk", flat=True):
        notification = _claim(pk, now())
        if notification:
            total += _try(notification, now)
    return total


def send_test(channel: NotificationChannel) -> Notification:
    """Sends a test message by the very way of every other one; gives its row, which says how it went."""
    moment = timezone.now()
    notification = Notification.objects.create(
        channel=channel, kind=Notification.Kind.TEST, dedup_key=f"test:{moment.isoformat()}"
    )
    claimed = _claim(notification.pk, moment, rate_limited=False)
    if claimed:
        _try(claimed, timezone.now, again=False)
    notification.refresh_from_db()
    return notification


def _claim(pk: int, moment: datetime, rate_limited: bool = True) -> Notification | None:
    """pending -> sending, by the one process whose UPDATE hits; None for the others, and where it is too early."""
    notification = Notification.objects.select_related("channel").get(pk=pk)
    service = SERVICES.get(notification.channel.kind)
    if rate_limited and service and service.per_minute:
        lately = Notification.objects.filter(channel=notification.channel, sent_at__gt=moment - timedelta(minutes=1))
        if lately.count() >= service.per_minute:
            return None
    claim = Notification.objects.filter(pk=pk, status=NotificationStatus.PENDING)
    if not claim.update(status=NotificationStatus.SENDING, claimed_at=moment, attempts=F("attempts") + 1):
        return None
    notification.refresh_from_db()
    return notification


def _try(notification: Notification, now: Callable[[], datetime], again: bool = True) -> Sent:
    """One try; its end is on the row and on the channel."""
    channel = notification.channel
    mine = Notification.objects.filter(pk=notification.pk, status=NotificationStatus.SENDING)
    try:
        with translation.override(channel.language):
            status = deliver(notification)
    except Exception as error:
        permanent = isinstance(error, Refused) and error.permanent
        text = clean_error(str(error) if isinstance(error, CapacityError) else f"{type(error).__name__}: {error}")
        last = permanent or not again or notification.attempts > len(WAITS)
        wait = timedelta() if last else WAITS[notification.attempts - 1]
        mine.update(
            status=NotificationStatus.FAILED if last else NotificationStatus.PENDING,
            next_try_at=now() + wait,
            error=text,
            response_code=getattr(error, "status", None),
        )
        NotificationChannel.objects.filter(pk=channel.pk).update(last_error=text, last_error_at=now())
        if permanent and again:
            _switch_off(channel, text)
        log.warning(
            "notification.not_sent", channel=channel.name, tries=notification.attempts, final=last, reason=text
        )
        return Sent(failed=1) if last else Sent(waiting=1)
    mine.update(status=NotificationStatus.SENT, sent_at=now(), error="", response_code=status)
    NotificationChannel.objects.filter(pk=channel.pk).update(last_ok_at=now())
    return Sent(sent=1)


def _switch_off(channel: NotificationChannel, reason: str) -> None:
    NotificationChannel.objects.filter(pk=channel.pk, enabled=True).update(enabled=False, disabled_reason=reason)


def deliver(notification: Notification) -> int | None:
    """Writes the message and hands it over; gives the HTTP status, None for mail.

    Raises Refused when the service says no, WebError or the errors of the mail server when there is no answer.
    """
    channel = notification.channel
    message = compose(notification)
    if channel.kind == NotificationChannel.Kind.EMAIL:
        send_mail(channel, message)
        return None
    service = SERVICES[channel.kind]
    outgoing = service.write(channel, message, message.text(service.limit))
    headers = {"Content-Type": "application/json; charset=utf-8", **outgoing.headers}
    answer = request("POST", outgoing.url, body=outgoing.body, headers=headers, deadline=DEADLINE, networks=NOTIFY)
    if refused := refusal(service, answer):
        raise Refused(refused, answer.status)
    return answer.status


def failed_messages() -> int:
    """How many messages have failed for good, of those that are kept."""
    return Notification.objects.filter(status=NotificationStatus.FAILED).count()

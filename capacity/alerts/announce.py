"""Who must hear of what has begun and what is over: rows of the outbox, in the transaction of the evaluation."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from capacity.models import Alert, AlertRule, Notification, NotificationChannel, Severity

from .rules import KINDS

SEPARATE = 5  #: alerts of one pass that are a message each; more are one message
BATCH = 1000
Through = Notification.alerts.through


@dataclass(frozen=True)
class Edges:
    """What an evaluation found of a rule: alerts that began, go on (told once a day), are over."""

    rule: AlertRule
    opened: Sequence[Alert]
    goes_on: Sequence[Alert]
    resolved: Sequence[Alert]


def announce(edges: Iterable[Edges], now: datetime) -> int:
    """Writes the messages to the rules' channels; gives how many."""
    begun: defaultdict[NotificationChannel, list[Alert]] = defaultdict(list)
    over: defaultdict[NotificationChannel, list[Alert]] = defaultdict(list)
    for one in edges:
        opened, goes_on, resolved = (_loud(alerts, now) for alerts in (one.opened, one.goes_on, one.resolved))
        if not (opened or goes_on or resolved):
            continue
        for channel in one.rule.channels.filter(enabled=True):
            if Severity(one.rule.severity).rank < Severity(channel.min_severity).rank:
                continue
            begun[channel] += opened
            if channel.kind == NotificationChannel.Kind.ALERTMANAGER:
                begun[channel] += goes_on  # it takes an alert for over when it hears of it no more
            if channel.send_resolved and resolved and not KINDS[one.rule.kind].is_event:
                over[channel] += _told(channel, resolved)
    count = 0
    for channel, alerts in begun.items():
        count += _write(channel, Notification.Kind.OPENED, alerts, now)
    for channel, alerts in over.items():
        count += _write(channel, Notification.Kind.RESOLVED, alerts, now)
    return count


def _loud(alerts: Sequence[Alert], now: datetime) -> list[Alert]:
    """Without those that somebody has silenced."""
    return [one for one in alerts if not one.silenced_until or one.silenced_until <= now]


def _told(channel: NotificationChannel, alerts: Sequence[Alert]) -> list[Alert]:
    """Those whose beginning went to this channel: the others would read of an end without a beginning."""
    told = Through.objects.filter(
        notification__channel=channel,
        alert__in=[one.pk for one in alerts],
        notification__kind__in=["opened", "digest"],
    )
    known = set(told.values_list("alert_id", flat=True))
    return [one for one in alerts if one.pk in known]


def _write(channel: NotificationChannel, kind: str, alerts: list[Alert], now: datetime) -> int:
    waiting: list[Alert] = []
    if channel.mode == NotificationChannel.Mode.DAILY and channel.digest_at:
        waiting = [one for one in alerts if one.severity != Severity.CRITICAL]
        alerts = [one for one in alerts if one.severity == Severity.CRITICAL]
    groups: list[tuple[str, list[Alert]]]
    if len(alerts) > SEPARATE or channel.kind == NotificationChannel.Kind.ALERTMANAGER:
        groups = [(f"{kind}:pass:{now.isoformat()}", alerts)] if alerts else []
    else:
        groups = [(f"{kind}:{one.pk}:{one.reopened}", [one]) for one in alerts]
    for key, members in groups:
        _add(channel, kind, key, members, now)
    if waiting:
        at = _next_digest(channel, now)
        _add(channel, Notification.Kind.DIGEST, f"digest:{at.isoformat()}", waiting, at)
    return len(groups) + bool(waiting)


def _add(channel: NotificationChannel, kind: str, key: str, alerts: Sequence[Alert], at: datetime) -> None:
    notification, _made = Notification.objects.get_or_create(
        channel=channel, dedup_key=key, defaults={"kind": kind, "next_try_at": at}
    )
    links = [Through(notification=notification, alert=one) for one in alerts]
    Through.objects.bulk_create(links, batch_size=BATCH, ignore_conflicts=True)


def _next_digest(channel: NotificationChannel, now: datetime) -> datetime:
    local = timezone.localtime(now)
    at = local.replace(hour=channel.digest_at.hour, minute=channel.digest_at.minute, second=0, microsecond=0)  # type: ignore[union-attr]
    return at if at > local else at + timedelta(days=1)

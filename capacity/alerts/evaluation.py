"""Rules against how things are: alerts begin, go on and end, and what people must hear is put into the outbox.

By edges alone: an alert that goes on is told to nobody again. A rule is one transaction, with its messages in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from capacity.models import LIVE_ALERT, Alert, AlertRule, AlertStatus, RuleKind

from .announce import Edges, announce
from .asked import Finding
from .findings import find
from .rules import KINDS
from .selection import Named

log = structlog.get_logger(__name__)

BATCH = 1000
#: A target that comes back within these days is the same alert again.
SAME_ALERT = timedelta(days=7)


@dataclass(frozen=True)
class Evaluated:
    """What became of the alerts, and how many messages were put into the outbox for it."""

    rules: int = 0
    opened: int = 0
    resolved: int = 0
    messages: int = 0
    failed: tuple[str, ...] = ()  #: names of rules that raised


def evaluate(now: datetime | None = None, kinds: Sequence[str] = RuleKind.values) -> Evaluated:
    """Evaluates the enabled rules of these kinds in one transaction, a savepoint each: one that raises is logged and
    left as it was.

    A second evaluation of the same day writes nothing that has not changed.
    """
    moment = now or timezone.now()
    edges: list[Edges] = []
    failed: list[str] = []
    with transaction.atomic():
        # One evaluation at a time: a second one would open the same alerts.
        chosen = AlertRule.objects.filter(enabled=True, kind__in=kinds).order_by("pk")
        rules = list(chosen.select_for_update(no_key=True))
        for rule in rules:
            try:
                with transaction.atomic():
                    edges.append(_evaluate(rule, moment))
            except Exception:
                # One rule's fault must not keep the others quiet.
                log.exception("alerts.rule_failed", rule=rule.name)
                failed.append(rule.name)
        messages = announce(edges, moment)
    return Evaluated(
        len(rules),
        sum(len(one.opened) for one in edges),
        sum(len(one.resolved) for one in edges),
        messages,
        tuple(failed),
    )


def _evaluate(rule: AlertRule, now: datetime) -> Edges:
    today = timezone.localdate(now)
    live = {one.target: one for one in Alert.objects.live().filter(rule=rule)}
    found = {one.target.key: one for one in find(rule, now, live)}
    opened = _begin(rule, [one for key, one in found.items() if one.holds and key not in live], now)
    holding = [one for key, one in live.items() if key in found and found[key].holds]
    opens, goes_on = _go_on(rule, holding, found, today, now)
    resolved = _end(rule, [one for key, one in live.items() if key in found and found[key].clear], today, now)
    return Edges(rule, [*opened, *opens], goes_on, resolved)


def _fields(rule: AlertRule, finding: Finding, now: datetime) -> dict[str, Any]:
    return {
        "rule_name": rule.name,
        "kind": rule.kind,
        "severity": rule.severity,
        "value": finding.value,
        "threshold_value": finding.limit,
        "params": dict(finding.params),
        "last_seen_on": timezone.localdate(now),
        "clear_since": None,
    }


def _begin(rule: AlertRule, findings: Sequence[Finding], now: datetime) -> list[Alert]:
    """New alerts, or ended ones of the last days again; gives those that are open at once and not quiet."""
    today = timezone.localdate(now)
    status = AlertStatus.OPEN if rule.for_days <= 1 or KINDS[rule.kind].is_event else AlertStatus.PENDING
    lately = Alert.objects.filter(rule=rule, status=AlertStatus.RESOLVED, resolved_at__gte=now - SAME_ALERT)
    before = {one.target: one for one in lately.order_by("resolved_at")} if findings else {}
    new, again = [], []
    for finding in findings:
        target = finding.target
        fields = _fields(rule, finding, now)
        if old := before.get(target.key):
            told_today = timezone.localdate(old.opened_at) == today
            for name, value in (fields | {"status": status, "opened_at": now, "resolved_at": None}).items():
                setattr(old, name, value)
            old.first_seen_on, old.reopened = today, old.reopened + 1
            again.append((old, told_today))
        else:
            new.append(
                Alert(
                    rule=rule,
                    target=target.key,
                    instance_id=target.instance_id,
                    instance_name=target.instance_name,
                    database_name=target.database_name,
                    status=status,
                    opened_at=now,
                    first_seen_on=today,
                    **fields,
                )
            )
    Alert.objects.bulk_create(new, batch_size=BATCH)
    for old, _told in again:
        old.save()
    if status != AlertStatus.OPEN:
        return []
    # Once a day is enough to hear of what comes and goes.
    return [*new, *(old for old, told_today in again if not told_today)]


def _go_on(
    rule: AlertRule, alerts: Sequence[Alert], found: dict[str, Finding], today: Any, now: datetime
) -> tuple[list[Alert], list[Alert]]:
    """Alerts that still hold: their numbers once a day; gives those that open now, and those that just go on."""
    opened, seen = [], []
    for alert in alerts:
        waited = (today - alert.first_seen_on).days + 1 >= rule.for_days
        opens = alert.status == AlertStatus.PENDING and waited
        if alert.last_seen_on == today and alert.clear_since is None and not opens:
            continue
        for name, value in _fields(rule, found[alert.target], now).items():
            setattr(alert, name, value)
        if opens:
            alert.status, alert.opened_at = AlertStatus.OPEN, now
            opened.append(alert)
        seen.append(alert)
    names = ["rule_name", "severity", "value", "threshold_value", "params", "last_seen_on", "clear_since"]
    Alert.objects.bulk_update(seen, [*names, "status", "opened_at"], batch_size=BATCH)
    return opened, [one for one in seen if one.status != AlertStatus.PENDING and one not in opened]


def _end(rule: AlertRule, alerts: Sequence[Alert], today: Any, now: datetime) -> list[Alert]:
    """Alerts that are clear: they end on the second day, what never opened at once; gives those people knew of."""
    first = [one.pk for one in alerts if one.clear_since is None and one.status != AlertStatus.PENDING]
    at_once = KINDS[rule.kind].is_event or rule.kind in ("run_failed", "schedule_missed", "not_collected")
    over = [
        one for one in alerts if at_once or one.status == AlertStatus.PENDING or (one.clear_since or today) < today
    ]
    if not at_once:
        Alert.objects.filter(pk__in=first).update(clear_since=today)
    known = [one for one in over if one.status != AlertStatus.PENDING]
    for batch in (over[at : at + BATCH] for at in range(0, len(over), BATCH)):
        Alert.objects.filter(pk__in=[one.pk for one in batch], status__in=LIVE_ALERT).update(
            status=AlertStatus.RESOLVED, resolved_at=now
        )
    return known


def preview(rule: AlertRule, named: Named, now: datetime | None = None) -> list[Finding]:
    """What a rule that need not be saved would hold for now; `named`: the instances and tags it names."""
    return [one for one in find(rule, now or timezone.now(), named=named) if one.holds]

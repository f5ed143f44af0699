"""Rules, channels and alerts; a test names only what it is about."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

from django.utils import timezone

from capacity.models import Alert, AlertRule, DatabaseState, Notification, NotificationChannel

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
DAY = timedelta(days=1)
GIB = 2**30

_numbers = count(1)  # in names with zeros before them, as lists sort by name


def make_channel(kind="webhook", address="http://127.0.0.1:9/", **fields):
    return NotificationChannel.objects.create(
        name=f"channel {next(_numbers):05}", kind=kind, address=address, **fields
    )


def make_rule(kind="size_over", *channels, instances=(), **fields):
    rule = AlertRule.objects.create(**{"name": f"rule {next(_numbers):05}", "kind": kind, **fields})
    rule.channels.set(channels)
    rule.instances.set(instances)
    return rule


def make_notification(channel, **fields):
    """A message that was sent."""
    key = f"opened:{next(_numbers)}"
    return Notification.objects.create(
        channel=channel, **{"dedup_key": key, "kind": "opened", "status": "sent"} | fields
    )


def make_alert(rule=None, instance=None, database="orders", **fields):
    """An open alert about a size."""
    rule = rule or make_rule()
    defaults = {
        "rule_name": rule.name,
        "kind": rule.kind,
        "severity": rule.severity,
        "target": f"{instance.pk if instance else 0}:{database}:{next(_numbers)}",
        "instance_name": instance.name if instance else "pg-1",
        "database_name": database,
        "value": 2 * 2**40,
        "threshold_value": 2**40,
        "opened_at": timezone.now(),
        "first_seen_on": date(2026, 3, 2),
        "last_seen_on": date(2026, 3, 2),
    }
    return Alert.objects.create(rule=rule, instance=instance, **defaults | fields)


def size(instance, database, gib, **fields):
    """How large a database is now."""
    state = {"first_day": date(2025, 1, 1), "last_day": date(2026, 3, 2), "last_sample_at": NOON}
    DatabaseState.objects.update_or_create(
        instance=instance, database_name=database, defaults={**state, "last_size_bytes": gib * GIB, **fields}
    )


def alerts():
    """Every alert: (target, status, value)."""
    return list(Alert.objects.order_by("pk").values_list("target", "status", "value"))

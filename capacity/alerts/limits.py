"""What is full, or will be: by the limits that are there now, the sizes that pages show, and the newest forecasts."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from django.db.models import Q

from capacity.insight.outlook import Usage, usage_of_forecasts, usage_of_limits
from capacity.models import AlertLevel, Forecast, Instance

from .asked import FULL_MARGIN, SIZE_MARGIN, Asked, Finding, Target
from .selection import wants

CHUNK = 2000  # forecasts that are held at a time


def days_until_full(asked: Asked) -> Iterator[Finding]:
    days = asked.number("days")
    rows = _forecasts(asked, Q(state="over") | Q(expected_on__lte=asked.today + timedelta(days=days)))
    while chunk := list(islice(rows, CHUNK)):
        for one, usage in zip(chunk, usage_of_forecasts(chunk), strict=True):
            left = 0 if one.state == "over" else (one.expected_on - asked.today).days if one.expected_on else None
            if left is None and one.state in ("too_little_history", "no_limit"):
                continue  # nothing is known
            yield Finding(
                _of_forecast(one),
                holds=left is not None and left <= days,
                clear=left is None or left > days * FULL_MARGIN,
                value=left,
                limit=days,
                params={
                    "state": one.state,
                    "limit_bytes": one.limit_bytes,
                    "size": usage.used_bytes if usage else one.level_bytes,
                    "expected_on": one.expected_on,
                    "earliest_on": one.earliest_on,
                    "latest_on": one.latest_on,
                },
            )


def _forecasts(asked: Asked, condition: Q) -> Iterator[Forecast]:
    """The newest forecasts that meet the condition, or whose alert is live."""
    rows = Forecast.objects.newest().filter(level=asked.rule.level).select_related("instance")
    if asked.rule.level in (AlertLevel.DATABASE, AlertLevel.INSTANCE):
        # What shares a volume is told of once, at the level of the volume.
        rows = rows.filter(condition | Q(instance__in=asked.live_instances), instance__in=asked.ids, shared_key="")
    for one in rows.order_by().iterator(chunk_size=CHUNK):
        if wants(asked.rule, one.database_name):
            yield one


def _of_forecast(one: Forecast) -> Target:
    if one.instance_id is None or one.instance is None:
        return _of_volume(one.shared_key) if one.shared_key else Target("fleet")
    return Target.of(one.instance_id, one.instance.name, one.database_name)


def _of_volume(key: str) -> Target:
    return Target(f"volume:{key}", instance_name=key)


def limit_percent(asked: Asked) -> Iterator[Finding]:
    """By the last sizes, as pages tell it: the mean of the week would not know of last night's load."""
    percent = asked.number("percent")
    for target, usage in _uses(asked):
        used = float(usage.percent)
        if used >= percent or target.key in asked.live:
            yield Finding(
                target,
                holds=used >= percent,
                clear=used < percent * SIZE_MARGIN,
                value=used,
                limit=percent,
                params={"limit_bytes": usage.limit_bytes, "size": usage.used_bytes},
            )


def _uses(asked: Asked) -> Iterator[tuple[Target, Usage]]:
    """What is used of the limits at the rule's level; a volume is told of once."""
    names = dict(Instance.objects.filter(pk__in=asked.ids).values_list("pk", "name"))
    volumes: set[str] = set()
    for (instance, database), usage in usage_of_limits(asked.ids).items():
        key = usage.limit.shared_key
        level = AlertLevel.VOLUME if key else AlertLevel.DATABASE if database else AlertLevel.INSTANCE
        if level != asked.rule.level or not wants(asked.rule, "" if key else database) or key in volumes:
            continue
        if key:
            volumes.add(key)
        yield (_of_volume(key) if key else Target.of(instance, names[instance], database)), usage

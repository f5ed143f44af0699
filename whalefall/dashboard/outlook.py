"""What changed and what is full next, and the fleet by engine and by tag, for the dashboard."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db.models import Q
from django.utils import formats
from django.utils.translation import gettext as _

from capacity.admin.sizes.addresses import database_url
from capacity.insight.fleet import Fleet, GroupTotal
from capacity.insight.outlook import FULL_ON
from capacity.insight.wording import event_sentence, forecast_sentence
from capacity.models import CapacityEvent, CapacityLimit, DbType, Forecast, ForecastLevel, ForecastState, Instance
from capacity.units import format_bytes
from sync_sessions.common.tags import of_tagged
from sync_sessions.common.words import told

from .words import Tags, address, list_url

CHANGED_DAYS = 7
SHOWN = 10


def changes(day: date, tags: Tags) -> dict[str, Any]:
    """What happened in the last week, the newest first. One query."""
    rows = CapacityEvent.objects.since(day - timedelta(days=CHANGED_DAYS - 1)).filter(instance__is_active=True)
    rows = of_tagged(rows, tags, few_queries=True)
    found = list(rows.select_related("instance").order_by("-day", "instance", "database_name")[: SHOWN + 1])
    return {
        "shown": [
            {
                "day": formats.date_format(row.day),
                "name": f"{row.instance.name} {row.database_name}".rstrip(),
                "url": database_url(row.instance_id, row.database_name),
                "text": event_sentence(row),
            }
            for row in found[:SHOWN]
        ],
        "more": len(found) > SHOWN,
        "days": CHANGED_DAYS,
        "all": list_url("capacity_capacityevent", tags),
    }


def full_next(tags: Tags) -> dict[str, Any]:
    """What is full already and what will be first, a volume in place of what shares it. One query."""
    volumes, alone = Q(level=ForecastLevel.VOLUME), Q(shared_key="", instance__is_active=True)
    alone &= Q(level__in=[ForecastLevel.DATABASE, ForecastLevel.INSTANCE])
    if tags:
        sharing = of_tagged(CapacityLimit.objects.exclude(shared_key=""), tags, few_queries=True)
        volumes &= Q(shared_key__in=sharing.values("shared_key"))
        alone &= Q(instance__in=Instance.objects.tagged(tags))
    rows = Forecast.objects.newest().filter(
        Q(state=ForecastState.OVER) | Q(expected_on__isnull=False), volumes | alone
    )
    shown = [
        {
            "name": told(row.get_level_display(), row.shared_key)
            if row.instance is None
            else f"{row.instance.name} {row.database_name}".rstrip(),
            "url": database_url(row.instance_id, row.database_name) if row.instance_id else "",
            "text": forecast_sentence(row),
        }
        for row in rows.select_related("instance").order_by(FULL_ON.asc(), "id")[:SHOWN]
    ]
    return {"shown": shown, "all": list_url("capacity_forecast", tags)}


def groups(fleet: Fleet, names: Mapping[int, Sequence[str]]) -> list[dict[str, Any]]:
    """A table by engine, and one by each key of tags, whose lines lead to their part of the fleet. `names`:
    `tag_names()`."""
    engines = [_group(total, str(DbType(total.name).label)) for total in fleet.by_engine()]
    tables = [{"title": _("By engine"), "rows": engines}]
    for key, totals in fleet.by_tag_key(names).items():
        title = _("By %(key)s") % {"key": key} if key else _("By other tags")
        rows = [
            _group(total, total.name or _("without"), address([total.name]) if total.name else "") for total in totals
        ]
        tables.append({"title": title, "rows": rows})
    return tables


def _group(total: GroupTotal, name: str, url: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "url": url,
        "instances": total.instances,
        "databases": total.databases,
        "size": format_bytes(total.bytes),
        "change": "–" if total.month_change is None else format_bytes(total.month_change, sign=True),
    }

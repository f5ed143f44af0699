"""What the run log is told of the runs of this app: its error codes and the keys of its details, for people."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from capacity.models.instance import DbType
from capacity.periods import PERIOD_CONFIG
from capacity.units import format_bytes
from sync_sessions.choices import SyncCategory
from sync_sessions.common.durations import duration_text
from sync_sessions.common.words import days_text
from sync_sessions.details import choice, day, format_value, span
from sync_sessions.kinds import Kind

from .kinds import last_failures
from .reasons import COLLECTION_REASONS, GENERAL_REASONS, REASONS, TABLES_REASONS
from .retry import retry

PERMISSION = "capacity.trigger_aggregation"


def _period_type(key: str) -> str:
    return choice({config.key: config.label for config in PERIOD_CONFIG})(key)


def _period(details: Mapping[str, Any]) -> tuple[str, str]:
    days = [date.fromisoformat(details[name]) for name in ("period_start", "period_end") if details.get(name)]
    text = days_text(days[0], days[-1], unbroken=True) if days else ""
    return format_value("period_type", details.get("period_type")), text


def _told_apart(details: Mapping[str, Any]) -> set[str]:
    same = details.get("requested_period_type") == details.get("period_type")
    return {"period_type", "period_start", "period_end", *(["requested_period_type"] if same else [])}


AGGREGATION = Kind(
    SyncCategory.AGGREGATION.value,
    retry,
    PERMISSION,
    last_failures,
    reasons={**REASONS, **GENERAL_REASONS},
    labels={
        # of a session
        "period_type": _("period type"),
        "period_start": _("first day"),
        "period_end": _("last day"),
        "requested_period_type": _("requested period type"),
        "tags": _("tags"),
        # of a record
        "aggregation_count": _("period rows"),
        "aggregation_result": _("result"),
        "processed_records": _("period rows written"),
        "created": _("new"),
        "updated": _("replaced"),
        "window": _("period"),
        "previous_window": _("compared with"),
        "samples": _("samples"),
        "database": _("database"),
        "instance": _("instance"),
    },
    formats={
        "period_type": _period_type,
        "requested_period_type": _period_type,
        "period_start": day,
        "period_end": day,
        "window": span,
        "previous_window": span,
    },
    words={"period_type": {config.key: config.label for config in PERIOD_CONFIG}},
    subject=_period,
    told_apart=_told_apart,
    has_scope=True,
)
INSIGHT = Kind(
    SyncCategory.INSIGHT.value,
    retry,
    PERMISSION,
    last_failures,
    reasons=GENERAL_REASONS | {"no_day_rows": _("the instance has no samples yet")},
    labels={"tags": _("tags"), "forecasts": _("forecasts"), "new_events": _("new events")},
    nothing=_("No day row changed since the last forecasts."),
)
TABLES = Kind(
    SyncCategory.TABLES.value,
    retry,
    PERMISSION,
    last_failures,
    reasons=COLLECTION_REASONS | TABLES_REASONS,
    labels={"left": _("databases left for the next run")},
    nothing=_("No database with a login has jumped, dropped or appeared since its tables were measured."),
)
COLLECTION = Kind(
    SyncCategory.CAPACITY.value,
    retry,
    PERMISSION,
    last_failures,
    reasons=COLLECTION_REASONS,
    labels={
        "tags": _("tags"),
        "engine": _("engine"),
        "server_version": _("server version"),
        "databases": pgettext_lazy("how many", "databases"),
        "total_size_bytes": _("total size"),
        "not_sized": _("not sized"),
        "reason": _("reason"),
        "notes": _("notes"),
        "duration_seconds": _("measured in"),
    },
    formats={
        "engine": choice(dict(DbType.choices)),
        "total_size_bytes": format_bytes,
        "duration_seconds": duration_text,
    },
    nothing=_("No instance to collect: add an active one that has a host."),
    taken_up=True,  # the next schedule measures another day; periods wait for the next run by their marks
)

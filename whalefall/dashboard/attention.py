"""Which instances somebody should look at, for the dashboard."""

from datetime import date, datetime
from typing import Any

from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from capacity.insight import attention
from capacity.insight.fleet import Fleet
from capacity.units import format_percent
from sync_sessions.common.words import told

from .words import LABELS, instance_url


def late(fleet: Fleet, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "what": _("no sample"),
            "variant": "warning",
            "name": one.name,
            "url": instance_url(one.pk),
            "text": _("The last sample is %(age)s old.") % {"age": timesince(one.last_sample_at, now, depth=1)}
            if one.last_sample_at
            else _("It has never been measured."),
        }
        for one in fleet.late(now)
    ]


def failures() -> list[dict[str, Any]]:
    return [
        {
            "what": _("failed"),
            "variant": "danger",
            "name": one.name,
            "url": instance_url(one.instance),
            "text": told(LABELS.get(one.kind, one.kind), one.reason),
            "more": reverse("admin:sync_sessions_syncsession_change", args=[one.session]),
            "link": _("Show the session"),
        }
        for one in attention.failures()
    ]


def jumps(day: date) -> list[dict[str, Any]]:
    return [
        {
            "what": _("jump"),
            "variant": "info",
            "name": one.name,
            "url": instance_url(one.instance),
            "text": _("%(percent)s against the period before (%(period)s).")
            % {"percent": format_percent(one.percent), "period": LABELS[one.period_type]},
            "more": reverse("admin:capacity_instancesizeaggregation_change", args=[one.row]),
            "link": _("Show the period row"),
        }
        for one in attention.jumps(day)
    ]

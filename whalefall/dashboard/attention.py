"""What somebody should look at, for the dashboard: one line per reason, with how many instances it is about."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capacity.admin.alerts.shown import SEVERITY_VARIANTS
from capacity.alerts.state import open_alerts
from capacity.insight import attention
from capacity.insight.fleet import Fleet
from capacity.models import Severity
from sync_sessions.choices import SyncCategory
from sync_sessions.common.words import told
from sync_sessions.life import silence_text, silent
from sync_sessions.reasons import explain

from .words import Tags, instance_url, list_url

NAMED = 3  #: of the instances of a line; the others are counted, and its link shows them all


def services() -> list[dict[str, Any]]:
    return [
        {"what": sign.service.label, "variant": "danger", "text": silence_text(sign), "names": []} for sign in silent()
    ]


def alerts(tags: Tags) -> list[dict[str, Any]]:
    """A line per severity of the alerts that are open, the worst first."""
    lines = []
    for severity, count in reversed(open_alerts(tags).items()):
        if count:
            text = ngettext("%(count)d alert is open.", "%(count)d alerts are open.", count) % {"count": count}
            line = {
                "what": Severity(severity).label,
                "variant": SEVERITY_VARIANTS[severity],
                "text": text,
                "names": [],
            }
            shown = list_url("capacity_alert", tags, severity__exact=severity)
            lines.append(line | {"more": shown, "link": _("Show the alerts")})
    return lines


def failures(tags: Tags) -> list[dict[str, Any]]:
    """A line per reason, that of most instances first."""
    found = sorted(attention.failures(tags), key=lambda one: (one.category, one.code, one.name))
    groups = [(key, list(group)) for key, group in groupby(found, key=lambda one: (one.category, one.code))]
    lines = []
    for (category, code), group in sorted(groups, key=lambda one: (-len(one[1]), one[0])):
        reason = explain(code, group[0].reason)
        instances = dict.fromkeys((one.instance, one.name) for one in group)
        shown = {"standing": "yes", "sync_category__exact": category, "reason": code}
        lines.append(
            {
                "what": _("failed"),
                "variant": "danger",
                "text": told(SyncCategory(category).label, reason.sentence),
                "detail": reason.detail,
                **_named(instances, list_url("sync_sessions_syncinstancerecord", tags, **shown)),
                "link": _("Show these records"),
            }
        )
    return lines


def unmeasured(fleet: Fleet, now: datetime) -> list[dict[str, Any]]:
    """Those whose samples do not come any more, and those that never had one."""
    late = sorted(fleet.late(now), key=lambda one: (one.last_sample_at is not None, one.last_sample_at, one.name))
    ages = [one.last_sample_at for one in late if one.last_sample_at]
    groups = [
        ("never", _("never measured"), ""),
        ("late", _("no sample"), _("oldest: %(age)s ago") % {"age": timesince(ages[0], now, depth=1)} if ages else ""),
    ]
    lines = []
    for key, what, detail in groups:
        of_it = [(one.pk, one.name) for one in late if bool(one.last_sample_at) == (key == "late")]
        if not of_it:
            continue
        text = ngettext("%(count)d instance", "%(count)d instances", len(of_it)) % {"count": len(of_it)}
        line = {"what": what, "variant": "warning", "text": text, "detail": detail, "link": _("Show these instances")}
        lines.append(line | _named(of_it, list_url("capacity_instance", fleet.tags, sample=key)))
    return lines


def _named(instances: Iterable[tuple[int, str]], more: str) -> dict[str, Any]:
    every = list(instances)
    names = [{"name": name, "url": instance_url(pk)} for pk, name in every[:NAMED]]
    return {"names": names, "left": len(every[NAMED:]), "count": len(every), "more": more}

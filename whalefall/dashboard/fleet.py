"""How large the fleet is, how it grows and how well it is measured, for the dashboard."""

from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capacity.admin.cells import unknown
from capacity.insight.fleet import Fleet, InstanceSize
from capacity.insight.fleet import coverage as days_covered
from capacity.insight.growth import MONTH, SLACK, WEEK
from capacity.units import format_bytes, format_percent
from sync_sessions.common.words import any_of

from .words import instance_url, list_url

COVERAGE_DAYS = 30
FULL, MOST = 100, 90  #: percent of the instances: from here on a day is green, or orange
TOP = 10
LACKING = 5  #: of the days on which instances lack a sample, the latest


def first_step(request: HttpRequest, fleet: Fleet) -> dict[str, Any] | None:
    """What to do before there is anything to show; None when there is."""
    if fleet.measured:
        return None
    if fleet.tags and not fleet.instances:
        text = _("No active instance has the tag %(tags)s.") % {"tags": any_of(fleet.tags)}
        return {"text": text, "url": reverse("admin:index"), "link": _("Show the whole fleet")}
    if fleet.instances:
        return {
            "text": _("No sample yet: collect from the instances, or import samples that you have."),
            "commands": ["manage.py import_samples FILE.csv"],
            "url": reverse("admin:capacity_instance_changelist"),
            "link": _("Show the instances"),
            "collects": True,
        }
    may_add = request.user.has_perm("capacity.add_instance")
    return {
        "text": _("No active instance yet: add one, or import samples and have their instances made."),
        "commands": ["manage.py import_samples FILE.csv --create-instances"],
        "url": reverse("admin:capacity_instance_add") if may_add else "",
        "link": _("Add an instance"),
    }


def fleet_cards(fleet: Fleet) -> list[dict[str, Any]]:
    """The numbers on top: a title, the number, and a line that says what it is made from."""
    count = len(fleet.measured)
    measured = ngettext("latest size of %(count)d instance", "latest sizes of %(count)d instances", count)
    if not count:
        measured = _("no sample yet: what to do stands below")
    inactive = ngettext("and %(count)d inactive one", "and %(count)d inactive ones", fleet.inactive)
    size = format_bytes(fleet.bytes) if count else unknown(_("No sample yet."))
    databases = fleet.databases if count else unknown(_("No sample yet."))
    return [
        {"title": _("Fleet size"), "value": size, "note": measured % {"count": count}},
        change_card(_("Change in 7 days"), fleet, WEEK),
        change_card(_("Change in 30 days"), fleet, MONTH),
        {
            "title": _("Instances"),
            "value": len(fleet.instances),
            "note": inactive % {"count": fleet.inactive} if fleet.inactive else "",
        },
        {
            "title": _("Databases"),
            "value": databases,
            "note": _("on the last day each instance was measured") if count else measured,
        },
    ]


def change_card(title: str, fleet: Fleet, span: timedelta) -> dict[str, Any]:
    change = fleet.change(span)
    if change is None:
        reason = _(
            "No active instance has both a sample of the last %(slack)d days and one %(days)d days before its last."
        )
        note = _("needs samples that are %(days)d days apart")
        days = {"slack": SLACK.days, "days": span.days}
        return {"title": title, "value": unknown(reason % days), "note": note % days}
    note = ngettext("%(count)d instance compared", "%(count)d instances compared", change.compared)
    note %= {"count": change.compared}
    if change.left_out:
        left_out = _("%(compared)s; %(count)d without a sample now or then left out")
        note = left_out % {"compared": note, "count": change.left_out}
    return {
        "title": title,
        "value": format_bytes(change.bytes, sign=True),
        "aside": format_percent(change.percent) if change.percent is not None else "",
        "note": note,
    }


def coverage(fleet: Fleet) -> dict[str, Any] | None:
    """A mark per day, and the same as text; None without a sample. An instance counts from its beginning on."""
    if not fleet.measured:
        return None
    counts = days_covered(fleet.day, COVERAGE_DAYS, fleet.tags)
    days = [coverage_day(day, count, fleet) for day, count in counts.items()]
    counted = [day for day in days if day["all"]]
    worst = min(counted, key=lambda day: day["percent"])
    text = _(
        "Today %(count)d of %(all)d active instances have a sample so far. On %(full)d of %(days)d days all that "
        "there were have one; the fewest on a day were %(fewest)d of %(there)d."
    )
    numbers = {
        "full": sum(day["percent"] >= FULL for day in counted),
        "days": len(counted),
        "fewest": worst["count"],
        "there": worst["all"],
    }
    lacking = [day for day in reversed(days) if day["missing"]][:LACKING]
    marks = [coverage_mark(day) for day in days]
    return {"text": text % {**days[-1], **numbers}, "days": days, "marks": marks, "lacking": lacking}


def coverage_day(day: date, count: int, fleet: Fleet) -> dict[str, Any]:
    """`percent` is None while there was no instance."""
    all_of_them = fleet.expected(day)
    percent = 100 * count // all_of_them if all_of_them else None
    missing = list_url("capacity_instance", fleet.tags, missing=day) if count < all_of_them else ""
    shown = {"day": formats.date_format(day), "percent": percent, "today": day == fleet.day, "missing": missing}
    return {**shown, "count": count, "all": all_of_them, "lacking": max(all_of_them - count, 0)}


def coverage_mark(day: dict[str, Any]) -> dict[str, str]:
    if day["percent"] is None:
        return {"tooltip": _("%(day)s: no instance yet") % day, "color": "bg-base-300", "class": "whalefall-few"}
    said = _("%(day)s: %(count)d of %(all)d instances (%(percent)d %%)") % day
    color = "bg-red-500" if day["percent"] < MOST else "bg-orange-400" if day["percent"] < FULL else "bg-green-500"
    # The height says the same as the colour.
    size = "whalefall-few" if day["percent"] < MOST else "whalefall-most" if day["percent"] < FULL else ""
    return {"tooltip": said, "color": color, "class": size, "href": day["missing"]}


def tops(fleet: Fleet) -> list[dict[str, Any]]:
    """The two lists of bars."""
    size = [(one, one.last_bytes or 0) for one in fleet.largest(TOP)]
    return [
        {"title": _("Largest instances"), "bars": bars(size), "none": ""},
        {
            "title": _("Fastest growing instances"),
            "bars": bars(fleet.fastest(TOP), sign=True),
            "about": _("Change in 30 days."),
            "none": _("No instance has grown in 30 days, or none has samples that old."),
        },
    ]


def bars(rows: list[tuple[InstanceSize, int]], *, sign: bool = False) -> list[dict[str, Any]]:
    longest = max((size for _one, size in rows), default=0)
    return [
        {
            "name": one.name,
            "url": instance_url(one.pk),
            "size": format_bytes(size, sign=sign),
            "share": max(1, 100 * size // longest) if longest else 0,
        }
        for one, size in rows
    ]

"""The admin's first page: the state of the fleet, or of what has a tag (`?tag=`), at a glance. At most 15 queries, the
admin's own included; two more for the permissions of who is no superuser and where schedules are of tags, one where
there is a broker, and one for each last run that failed."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminSelectWidget

from capacity.admin.runs import may_see_sessions
from capacity.alerts.jobs import evaluate_in_web
from capacity.insight.fleet import history as fleet_history
from capacity.insight.fleet import read_fleet
from capacity.inventory.tags import tag_names
from capacity.periods import PERIOD_CONFIG, PERIODS, today
from sync_sessions.common.tags import PARAMETER, asked_tags, unknown_tags_text
from sync_sessions.common.words import any_of, listed

from .attention import alerts, failures, services, unmeasured
from .chart import fleet_chart
from .fleet import coverage, first_step, fleet_cards, tops
from .outlook import changes, full_next, groups
from .runs import last_runs, open_sessions, running, stale
from .words import SHOWN, Tags, address

CHART_PERIODS = 30


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """UNFOLD's DASHBOARD_CALLBACK: adds what this user may see, under `dashboard`."""
    now, day, tags = timezone.now(), today(), asked_tags(request.GET)
    seen = {
        _("instances"): may_view(request, "capacity", "instance"),
        _("period rows"): may_view(request, "capacity", "instancesizeaggregation"),
        _("sync sessions"): may_see_sessions(request),
    }
    sees_instances, sees_rows, sees_runs = seen.values()
    fleet = read_fleet(day, tags) if sees_instances else None
    cards: dict[str, Any] = {"hidden": listed(name for name, may in seen.items() if not may)}
    if fleet and fleet.instances and request.user.has_perm("capacity.trigger_aggregation"):
        cards["fleet_pages"] = {
            one: reverse(f"admin:capacity_instance_{one}_fleet") for one in ("collect", "aggregate")
        }
    if fleet:
        cards |= {"first_step": first_step(request, fleet), "fleet": fleet_cards(fleet)}
        names = tag_names()
        if unknown := set(tags).difference(*names.values()):
            messages.warning(request, unknown_tags_text(unknown))
        cards |= {"coverage": coverage(fleet), "tops": tops(fleet), "groups": groups(fleet, names)}
        cards["filter"] = tag_filter(request, names, tags)
        silent = services() if sees_runs else []
        if silent:
            evaluate_in_web()
        problems = [
            *silent,
            *(alerts(tags) if request.user.has_perm("capacity.view_alert") else ()),
            *(failures(tags) if sees_runs else ()),
            *unmeasured(fleet, now),
        ]
        cards["attention"] = {"shown": problems[:SHOWN], "left": len(problems[SHOWN:])}
    if fleet and may_view(request, "capacity", "capacityevent"):
        cards["changes"] = changes(day, tags)
    if fleet and may_view(request, "capacity", "forecast"):
        cards |= {"sees_forecasts": True, "full_next": full_next(tags)}
    if sees_rows:
        cards["history"] = history(request, day, tags)
    if sees_runs:
        opened = open_sessions()
        runs, not_run = last_runs(now, opened)
        cards |= {"runs": runs, "missed": not_run, "open": running(opened), "stale": stale(day)}
        cards["never_ran"] = not any(one["run"] or one["by_hand"] for one in cards["runs"])
    return context | {"dashboard": cards}


def may_view(request: HttpRequest, app: str, model: str) -> bool:
    return any(request.user.has_perm(f"{app}.{action}_{model}") for action in ("view", "change"))


def tag_filter(request: HttpRequest, names: Mapping[int, Sequence[str]], tags: Tags) -> dict[str, Any] | None:
    """How a part of the fleet is chosen, and given up again; None while no instance has a tag."""
    offered = sorted({name for of_one in names.values() for name in of_one} | set(tags))
    if not offered:
        return None
    choices = [("", _("the whole fleet")), *((name, name) for name in offered)]
    attributes = {"id": "dashboard-tag"}
    return {
        "field": UnfoldAdminSelectWidget(choices=choices).render(PARAMETER, tags[-1] if tags else "", attributes),
        "tags": any_of(tags),
        "period": chosen_period(request),
        "whole": address((), period=chosen_period(request)),
    }


def chosen_period(request: HttpRequest) -> str:
    """The period type that the address names; daily if it names none of them."""
    asked = request.GET.get("period")
    return asked if asked in PERIODS else PERIODS[0]


def history(request: HttpRequest, day: date, tags: Tags) -> dict[str, Any]:
    """The chart, of the chosen period type."""
    chosen = chosen_period(request)
    points = fleet_history(chosen, day, CHART_PERIODS, tags)
    return {
        "choices": [
            {"key": one.key, "url": address(tags, period=one.key), "label": one.label, "chosen": one.key == chosen}
            for one in PERIOD_CONFIG
        ],
        "chart": fleet_chart(points),
        "daily": chosen == PERIODS[0],
    }

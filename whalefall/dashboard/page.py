"""The admin's first page: the state of the fleet at a glance. At most 15 queries, the admin's own included; two more
for the permissions of who is no superuser, one where there is a broker, and one for each last run that failed."""

from datetime import date
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from capacity.admin.runs import may_see_sessions
from capacity.alerts.jobs import evaluate_in_web
from capacity.insight.fleet import history as fleet_history
from capacity.insight.fleet import read_fleet
from capacity.periods import PERIOD_CONFIG, PERIODS, today
from sync_sessions.common.words import listed

from .attention import alerts, failures, services, unmeasured
from .chart import fleet_chart
from .fleet import coverage, first_step, fleet_cards, tops
from .outlook import changes, full_next, groups
from .runs import last_runs, open_sessions, running, stale
from .words import SHOWN

CHART_PERIODS = 30


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """UNFOLD's DASHBOARD_CALLBACK: adds what this user may see, under `dashboard`."""
    now, day = timezone.now(), today()
    seen = {
        _("instances"): may_view(request, "capacity", "instance"),
        _("period rows"): may_view(request, "capacity", "instancesizeaggregation"),
        _("sync sessions"): may_see_sessions(request),
    }
    sees_instances, sees_rows, sees_runs = seen.values()
    fleet = read_fleet(day) if sees_instances else None
    cards: dict[str, Any] = {"hidden": listed(name for name, may in seen.items() if not may)}
    if fleet and fleet.instances and request.user.has_perm("capacity.trigger_aggregation"):
        cards["fleet_pages"] = {
            one: reverse(f"admin:capacity_instance_{one}_fleet") for one in ("collect", "aggregate")
        }
    if fleet:
        cards |= {"first_step": first_step(request, fleet), "fleet": fleet_cards(fleet)}
        cards |= {"coverage": coverage(fleet), "tops": tops(fleet), "groups": groups(fleet)}
        silent = services() if sees_runs else []
        if silent:
            evaluate_in_web()
        problems = [
            *silent,
            *(alerts() if request.user.has_perm("capacity.view_alert") else ()),
            *(failures() if sees_runs else ()),
            *unmeasured(fleet, now),
        ]
        cards["attention"] = {"shown": problems[:SHOWN], "left": len(problems[SHOWN:])}
    if fleet and may_view(request, "capacity", "capacityevent"):
        cards["changes"] = changes(day)
    if fleet and may_view(request, "capacity", "forecast"):
        cards |= {"sees_forecasts": True, "full_next": full_next()}
    if sees_rows:
        cards["history"] = history(request, day)
    if sees_runs:
        opened = open_sessions()
        runs, not_run = last_runs(now, opened)
        cards |= {"runs": runs, "missed": not_run, "open": running(opened), "stale": stale(day)}
        cards["never_ran"] = not any(one["run"] or one["by_hand"] for one in cards["runs"])
    return context | {"dashboard": cards}


def may_view(request: HttpRequest, app: str, model: str) -> bool:
    return any(request.user.has_perm(f"{app}.{action}_{model}") for action in ("view", "change"))


def history(request: HttpRequest, day: date) -> dict[str, Any]:
    """The chart, of the period type that the address names; daily if it names none of them."""
    asked = request.GET.get("period")
    chosen = asked if asked in PERIODS else PERIODS[0]
    points = fleet_history(chosen, day, CHART_PERIODS)
    return {
        "choices": [{"key": one.key, "label": one.label, "chosen": one.key == chosen} for one in PERIOD_CONFIG],
        "chart": fleet_chart(points),
        "daily": chosen == PERIODS[0],
    }

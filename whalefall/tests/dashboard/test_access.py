"""Who sees what on the dashboard, and what it costs."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from capacity.periods import PERIODS
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, add_day, make_fleet, mark, run, the
from sync_sessions.services import sync_session_service
from whalefall.tests.dashboard.runs import failing

pytestmark = pytest.mark.django_db


OF_INSTANCES = {"filter", "first_step", "fleet", "coverage", "tops", "groups", "attention"}
OF_RUNS = {"runs", "missed", "never_ran", "open", "stale"}
ALL = {*OF_INSTANCES, *OF_RUNS, "history"}


@pytest.mark.parametrize(
    ("codenames", "cards", "hidden"),
    [
        ((), set(), "instances, period rows, sync sessions"),
        (("view_instance",), OF_INSTANCES, "period rows, sync sessions"),
        (("view_instancesizeaggregation",), {"history"}, "instances, sync sessions"),
        (("view_syncsession",), OF_RUNS, "instances, period rows"),
        (("view_instance", "view_instancesizeaggregation", "view_syncsession"), ALL, ""),
        (("change_instance", "view_instancesizeaggregation", "view_syncsession"), ALL, ""),
    ],
)
def test_each_sees_the_cards_that_the_permissions_allow(dashboard, staff_client, codenames, cards, hidden):
    make_fleet(1, "2025-06-29")
    page = dashboard(client=staff_client(*codenames))
    assert set(page) - {"hidden", "html", "text"} == cards
    assert page["hidden"] == hidden
    told = f"Not shown, as you may not view them: {hidden}. Ask an administrator for the permission."
    assert (told in page["text"]) is bool(hidden)


def test_who_may_not_view_instances_sees_no_name_of_one(dashboard, staff_client):
    instance = make_instance("secret-name")
    add_both(instance, "2025-06-29", 1)
    failing("aggregation:daily", instance, reason="no luck with secret-name")
    page = dashboard(client=staff_client("view_instancesizeaggregation", "view_syncsession"))
    assert "1 failed" in page["text"]
    assert "secret-name" not in page["html"]


def populate(number):
    """Everything that the page shows, of a fleet of that many."""
    fleet = make_fleet(number, "2025-06-29")
    for day in ("2025-05-30", "2025-06-22", "2025-06-28"):
        for one in fleet:
            add_day(one, day, 50)
    for type in PERIODS:
        run(the(type, "2025-06-29"))
    failing("capacity:collection", *fleet)
    for one in fleet:
        mark(one, the("weekly", "2025-06-15"))
        sync_session_service.create_session(sync_type="manual_single", sync_category="other", lock_key=f"o:{one.pk}")


@pytest.mark.parametrize(("superuser", "queries"), [(True, 17), (False, 16)])
@pytest.mark.parametrize("number", [3, 60])
def test_the_page_costs_the_same_whatever_the_fleet(dashboard, admin_client, staff_client, number, superuser, queries):
    permissions = ("view_instance", "view_instancesizeaggregation", "view_syncsession")
    client = admin_client if superuser else staff_client(*permissions)
    populate(number)
    with CaptureQueriesContext(connection) as captured:
        dashboard(client=client)
    assert len(captured) == queries


def test_an_empty_database_costs_no_more(dashboard, staff_client):
    client = staff_client("view_instance", "view_instancesizeaggregation", "view_syncsession")
    with CaptureQueriesContext(connection) as captured:
        dashboard(client=client)
    assert len(captured) <= 16

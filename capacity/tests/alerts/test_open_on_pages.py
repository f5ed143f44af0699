"""Open alerts on the pages of an instance and of a database."""

from datetime import UTC, datetime
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from capacity.collection.ingest import ingest
from capacity.models import DatabaseState
from capacity.tests.factories import a_sample, make_instance

from .factories import make_alert

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
SECTION = 'id="open-alerts"'


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def instance():
    one = make_instance("pg-1")
    ingest([a_sample(one, NOON, 100, name) for name in ("orders", "audit")])
    return one


def of_instance(instance):
    return reverse("admin:capacity_instance_change", args=[instance.pk])


def of_database(instance, name="orders"):
    state = DatabaseState.objects.get(instance=instance, database_name=name)
    return reverse("admin:capacity_databasestate_change", args=[state.pk])


def shown(client, url):
    """The alerts of the page, as (title, severity, status unless it is open)."""
    context = client.get(url).context
    alerts = context.get("page", {}).get("alerts") or context.get("history", {}).get("alerts") or {"rows": []}
    return [(row["title"], row["severity"], row["status"]) for row in alerts["rows"]]


def test_an_instance_shows_its_own_and_those_of_its_databases_the_worst_first(admin_client, instance):
    make_alert(instance=instance, database="", severity="info")
    make_alert(instance=instance, database="audit", severity="warning", status="acknowledged")
    make_alert(instance=instance, database="orders", severity="critical")
    make_alert(instance=instance, database="orders", status="resolved")
    make_alert(instance=instance, database="orders", status="pending")
    make_alert(instance=make_instance("pg-2"))
    assert shown(admin_client, of_instance(instance)) == [
        ("Size over: pg-1 orders", "Critical", ""),
        ("Size over: pg-1 audit", "Warning", "Acknowledged"),
        ("Size over: pg-1", "Info", ""),
    ]


def test_a_database_shows_its_own_alone(admin_client, instance):
    make_alert(instance=instance, database="")
    make_alert(instance=instance, database="audit")
    make_alert(instance=instance, database="orders", silenced_until=datetime(2026, 3, 9, 4, tzinfo=UTC))
    assert shown(admin_client, of_database(instance)) == [("Size over: pg-1 orders", "Warning", "Silenced")]


def test_each_says_what_is_wrong_since_when_and_what_was_answered_and_leads_to_its_page(admin_client, instance):
    silenced = datetime(2026, 3, 9, 4, tzinfo=UTC)
    alert = make_alert(instance=instance, opened_at=NOON, note="disk is ordered", silenced_until=silenced)
    for url in (of_instance(instance), of_database(instance)):
        page = admin_client.get(url).text
        assert f'href="{reverse("admin:capacity_alert_change", args=[alert.pk])}"' in page
        assert "2.0 TiB, at or over 1.0 TiB." in page
        assert "Since March 2, 2026, noon (Asia/Shanghai)." in page
        assert "Silenced until March 9, 2026, noon (Asia/Shanghai)." in page
        assert "Note: disk is ordered" in page


def test_the_worst_five_are_shown_and_the_list_has_them_all(admin_client, instance):
    for _alert in range(7):
        make_alert(instance=instance)
    for url in (of_instance(instance), of_database(instance)):
        answer = admin_client.get(url)
        assert len(shown(admin_client, url)) == 5
        assert "and 2 more" in answer.text
        context = answer.context
        alerts = context.get("page", {}).get("alerts") or context["history"]["alerts"]
        assert admin_client.get(alerts["url"]).context["cl"].result_count == 7


def test_where_there_is_none_nothing_is_said(admin_client, instance):
    for url in (of_instance(instance), of_database(instance)):
        assert SECTION not in admin_client.get(url).text
    assert "Open alerts" not in unescape(admin_client.get(of_database(instance)).text)


def test_who_may_see_no_alerts_sees_none_here(staff_client, instance):
    make_alert(instance=instance)
    client = staff_client("view_instance", "view_databasesizestat")
    for url in (of_instance(instance), of_database(instance)):
        assert SECTION not in client.get(url).text


def test_they_cost_two_queries_however_many_there_are(admin_client, instance):
    def cost(url):
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(url)
        return len(queries)

    for url in (of_instance(instance), of_database(instance)):
        cost(url)  # what is read once per process
    before = [cost(url) for url in (of_instance(instance), of_database(instance))]
    for _alert in range(30):
        make_alert(instance=instance)
    assert [cost(url) for url in (of_instance(instance), of_database(instance))] == [count + 1 for count in before]

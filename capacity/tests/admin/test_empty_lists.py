"""What lists say that show nothing, and the filter that would have shown nothing."""

import pytest
from django.urls import reverse

from capacity.tests.factories import make_instance
from capacity.tests.period_rows import add_database_row, add_instance_row
from capacity.tests.samples import the

pytestmark = pytest.mark.django_db

LISTS = {
    "capacity_databasesizestat": "No sample yet: collect from the instances",
    "capacity_instancesizestat": "No sample yet: collect from the instances",
    "capacity_databasesizeaggregation": "No row of this period type yet",
    "capacity_instancesizeaggregation": "No row of this period type yet",
    "sync_sessions_syncinstancerecord": "Nothing has run yet",
    "axes_accessattempt": "There is none yet.",
}


def url(name):
    return reverse(f"admin:{name}_changelist")


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_that_is_only_read_says_how_rows_come_in(admin_client, name):
    html = admin_client.get(url(name)).content.decode()
    assert LISTS[name] in html
    assert "Create a new item" not in html


@pytest.mark.parametrize("name", ["capacity_databasesizestat", "capacity_databasesizeaggregation"])
def test_with_a_search_it_says_that_nothing_fits(admin_client, name):
    html = admin_client.get(url(name), {"q": "nothing"}).content.decode()
    assert "Nothing fits this search and these filters." in html
    assert LISTS[name] not in html


def test_a_list_that_one_can_add_to_offers_that(admin_client):
    html = admin_client.get(url("capacity_instance")).content.decode()
    assert f'href="{reverse("admin:capacity_instance_add")}' in html
    assert "There is none yet." in html


@pytest.mark.parametrize("name", ["capacity_databasesizeaggregation", "capacity_instancesizeaggregation"])
def test_days_that_are_missing_are_looked_for_in_all_kinds_of_periods(admin_client, name):
    instance = make_instance()
    for type, days in (("daily", 1), ("weekly", 3), ("monthly", 2), ("quarterly", 91)):
        add_database_row(instance, "db", the(type, "2025-04-02"), 1, covered_days=days)
        add_instance_row(instance, the(type, "2025-04-02"), 1, covered_days=days)

    def kinds(**filters):
        page = admin_client.get(url(name), {"coverage": "low", **filters})
        return {row.period_type for row in page.context["cl"].result_list}

    assert kinds() == kinds(period_type__exact="") == {"weekly", "monthly"}
    assert kinds(period_type__exact="weekly") == {"weekly"}
    assert kinds(period_type__exact="daily") == set()
    assert kinds(coverage="") == {"daily"}

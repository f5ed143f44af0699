"""What is asked of a fleet: whose it is, what is full when, what it was in any period."""

import re

import pytest
from playwright.sync_api import expect

from capacity.models import CapacityLimit, DatabaseSizeAggregation, Instance
from capacity.tests.factories import make_instance
from capacity.tests.outlooks import days_ago, forecast_of, limit, make_stories
from capacity.tests.samples import add_both

pytestmark = pytest.mark.django_db(transaction=True)


def test_instances_get_a_tag_and_are_found_by_it(window):
    make_instance("plain", tags=["team:billing"])
    Instance.objects.get().tags.clear()
    window.visit("capacity_instance_changelist")
    window.choose("Add a tag")
    window.page.locator("#id_tag").select_option(label="team:billing")
    window.press("Add")
    window.says("team:billing: 1 of the chosen instances have it now that had it not.")
    window.page.locator("#nav-filter").press_sequentially("billing")
    window.page.locator("#search-results a").first.click()
    expect(window.page).to_have_url(re.compile(r"\?tag=team%3Abilling$"))
    expect(window.page.locator("#result_list")).to_contain_text("plain")


def test_a_limit_is_entered_and_stands_beside_its_database(window):
    stories = make_stories()
    window.visit("capacity_capacitylimit_add")
    window.page.locator(".field-instance .select2-selection").click()
    window.page.locator(".select2-results__option", has_text="a").first.click()
    window.fill(Database="sales", Limit="0.25", Volume="D:")
    window.page.get_by_label("Unit").select_option(label="TiB")
    window.press("Save")
    assert CapacityLimit.objects.get().limit_bytes == 2**38
    forecast_of(stories["a"], "sales", "date", expected_on=days_ago(-9), limit_bytes=2**38)
    window.visit("capacity_databasestate_changelist")
    row = window.page.locator("#result_list tr", has_text="sales")
    expect(row.locator(".field-used_percent")).to_contain_text("51 %")
    expect(row.locator(".field-outlook")).to_contain_text("full on")
    window.check_layout()


def test_the_states_of_forecasts_are_said_in_words(window):
    stories = make_stories()
    for database, state in [("sales", "over"), ("audit", "shrinking"), ("new", "too_little_history")]:
        forecast_of(stories["a"], database, state, weekly_bytes=-(2**30), limit_bytes=2**30, days_covered=12)
    limit(stories["a"], 1, "sales")
    window.visit("capacity_databasestate_changelist")
    for words in ("the limit of 1.0 GiB is reached", "it shrinks by 4.3 GiB a month", "collecting, 12 of 28 days"):
        expect(window.page.locator("#result_list")).to_contain_text(words)


def test_periods_of_a_range_are_aggregated(window):
    for day in ("2025-05-20", "2025-06-10"):
        add_both(make_instance(day), day, 100)
    window.visit("capacity_instance_changelist")
    window.page.get_by_role("link", name="Aggregate periods …").click()
    for name in ("Daily", "Weekly", "Quarterly"):
        window.page.get_by_label(name).uncheck()
    window.page.get_by_label("all that lie wholly between two days").check()
    window.page.get_by_label("First day").fill("2025-05-01")
    window.page.get_by_label("Last day").fill("2025-06-30")
    window.press("Aggregate")
    window.says("2 periods computed.")
    months = DatabaseSizeAggregation.objects.filter(period_type="monthly")
    assert sorted(str(row.period_start) for row in months) == ["2025-05-01", "2025-06-01"]

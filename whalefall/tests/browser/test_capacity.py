"""What is asked of a fleet: whose it is, what is full when, what it was in any period."""

import re

import pytest
from django_celery_beat.models import PeriodicTask
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
    assert list(window.check_layout()) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_one_limit_is_set_for_many(open_window, admin_user, width):
    make_stories()
    window = open_window(admin_user, width=width)
    window.visit("capacity_databasestate_changelist", query="?o=3")
    window.page.locator("input.action-select").nth(1).check()
    window.choose("Set a limit")
    window.says("Which limit shall these 2 get?")
    assert list(window.check_layout()) == []
    window.page.get_by_label("they share a volume").check()
    window.fill(Limit="2")
    window.page.get_by_label("Unit").select_option(label="TiB")
    window.press("Set the limit")
    window.says("Name the volume that they share.")
    window.fill(Volume="D:")
    window.press("Set the limit")
    window.says("Limit 2.0 TiB: 2 entered, 0 replaced.")
    assert {(one.limit_bytes, one.shared_key) for one in CapacityLimit.objects.all()} == {(2**41, "D:")}


@pytest.mark.parametrize("width", [1280, 390])
def test_the_dashboard_of_a_tag_is_chosen_and_given_up(open_window, admin_user, width):
    make_stories()
    window = open_window(admin_user, width=width)
    window.visit("index")
    dashboard = window.page.locator("#dashboard")
    expect(dashboard).to_contain_text("MySQL")
    window.page.get_by_label("Tag", exact=True).select_option(label="team:billing")
    window.press("Show")
    window.says("Only instances with the tag team:billing.")
    expect(dashboard).not_to_contain_text("MySQL")
    assert list(window.check_layout()) == []
    window.page.get_by_role("link", name="Weekly", exact=True).click()
    expect(window.page).to_have_url(re.compile(r"tag=team%3Abilling"))
    window.press("Show the whole fleet")
    expect(dashboard).to_contain_text("MySQL")
    window.page.get_by_role("link", name="team:billing", exact=True).click()
    window.says("Only instances with the tag team:billing.")


def test_a_schedule_is_of_a_tag(window):
    make_instance("a", tags=["prod"])
    window.visit("capacity_schedule_add")
    window.fill(Name="ours")
    window.page.get_by_label("Collect", exact=True).check()
    window.page.locator(".field-tags .select2-selection").click()
    window.page.locator(".select2-results__option", has_text="prod").click()
    window.press("Save")
    window.says("only instances with the tag prod, every day at 04:00")
    assert PeriodicTask.objects.get(name="ours").kwargs == '{"tags": ["prod"]}'


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

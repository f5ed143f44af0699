import csv

import pytest
from axes.models import AccessAttempt
from playwright.sync_api import expect

from capacity.periods import today
from capacity.tests.factories import make_instance
from capacity.tests.outlooks import add_past, add_totals, forecast_of, limit
from capacity.tests.samples import add_both, aggregate, the

pytestmark = pytest.mark.django_db(transaction=True)


def test_rows_are_filtered_and_exported(window):
    for name, day in (("pg-1", "2025-03-05"), ("pg-2", "2025-03-12")):
        add_both(make_instance(name), day, 100)
        aggregate(the("weekly", day))
    window.visit("capacity_databasesizeaggregation_changelist")
    window.says("No row of this period type yet")
    window.press("Filters")
    window.page.get_by_label("Weekly").check()
    window.page.get_by_placeholder("From").fill("2025-03-10")
    window.press("Apply Filters")
    window.says("1 of 7 days")
    exported = list(csv.DictReader(window.download("Export CSV").splitlines()))
    assert [(row["instance_name"], row["period_start"]) for row in exported] == [("pg-2", "2025-03-10")]


def test_an_instance_is_looked_up_while_one_types(window):
    for name in ("pg-1", "pg-2"):
        add_both(make_instance(name), "2025-03-05", 100)
    window.visit("capacity_databasesizestat_changelist")
    window.press("Filters")
    window.page.get_by_role("combobox", name="By instance").click()
    window.page.locator(".select2-search__field").fill("pg-2")
    window.page.locator(".select2-results__option", has_text="pg-2").click()
    window.press("Apply Filters")
    rows = window.page.locator("#result_list tbody tr")
    rows.nth(1).wait_for(state="detached")
    assert "pg-2" in rows.inner_text()


@pytest.mark.parametrize("name", ["databasestate", "instance"])
def test_several_tags_are_chosen_and_stay_chosen(window, name):
    for tag in ("env:prod", "env:test", "team:data"):
        add_past(one := make_instance(f"of {tag}", tags=[tag]), "sales", [1])
        add_totals(one, 1)
    window.visit(f"capacity_{name}_changelist", query="?o=1&q=of")
    for place, tag in enumerate(["env:prod", "team:data"], 1):
        window.press("Filters")
        window.page.locator("#changelist-filter .select2-selection--multiple").click()
        window.page.locator(".select2-results__option", has_text=tag).click()
        window.press("Apply Filters")
        expect(window.page.locator("#result_list tr.data-row")).to_have_count(place)
    window.press("Filters")
    chosen = window.page.locator("#changelist-filter .select2-selection__choice")
    assert [one.removeprefix("×").strip() for one in chosen.all_inner_texts()] == ["env:prod", "team:data"]


@pytest.mark.parametrize("name", ["databasestate", "instance", "forecast"])
def test_a_wide_list_is_seen_whole_in_a_window_of_1400_pixels(open_window, admin_user, name):
    server = make_instance("analytics-pg-01", db_type="mysql", tags=["env:prod", "team:finance"])
    add_past(server, "scheduling", range(13_000, 14_170, 19))
    add_totals(server, 40)
    limit(server, 16_000, "scheduling")
    forecast_of(server, "scheduling", "date", expected_on=today(), level_bytes=14_170 * 2**30)
    window = open_window(admin_user, width=1400)
    window.visit(f"capacity_{name}_changelist")
    rows = window.page.locator("#result_list")
    assert rows.evaluate("list => list.scrollWidth - list.parentElement.clientWidth") <= 0


def test_an_administrator_unlocks_a_name(window):
    AccessAttempt.objects.create(username="ann", ip_address="192.0.2.1", failures_since_start=5)
    window.visit("axes_accessattempt_changelist")
    window.says("Locked out")
    window.choose("Unlock")
    window.says("1 name can log in again.")
    assert not AccessAttempt.objects.exists()

"""The dashboard in the browser: the chart, its table, and both widths with everything on it."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from capacity.periods import Period, today
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, aggregate

pytestmark = pytest.mark.django_db(transaction=True)
DRAWN = """canvas => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size > 1"""


@pytest.fixture
def fleet():
    for number in range(3):
        instance = make_instance(f"pg-{number}")
        for age in range(40):
            add_both(instance, today() - timedelta(days=age), 2**30 * (50 - age) * (number + 1))
    for age in (0, 1, 7, 8):
        for type in ("daily", "weekly"):
            aggregate(Period.containing(type, today() - timedelta(days=age)))


def test_the_chart_is_drawn_and_switched_and_read_as_a_table(window, fleet):
    window.visit("index")
    chart = window.page.get_by_role("img", name="Fleet size over time")
    expect(chart).to_be_visible()
    assert chart.evaluate(DRAWN)

    window.page.get_by_role("link", name="Weekly", exact=True).click()
    expect(window.page.get_by_role("link", name="Weekly", exact=True)).to_have_attribute("aria-current", "true")

    table = window.page.locator("details", has=window.page.get_by_text("Instances with a row"))
    table.locator("summary").focus()
    window.page.keyboard.press("Enter")
    expect(table.locator("tbody tr")).not_to_have_count(0)
    expect(table.locator("tbody tr").first).to_be_visible()


def test_a_bar_leads_to_its_instance(window, fleet):
    window.visit("index")
    window.page.get_by_role("link", name="pg-2").first.click()
    expect(window.page.locator("#id_name")).to_have_value("pg-2")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_both_widths_in_every_state(open_window, admin_user, fleet, scheme):
    window = open_window(admin_user, color_scheme=scheme)
    for query in ("", "?period=quarterly"):
        window.visit("index", query=query)
        for table in window.page.locator("summary").all():
            table.click()
        assert list(window.check_layout()) == []


@pytest.mark.parametrize("width", [1400, 1280, 390])
def test_the_totals_by_engine_and_tag_are_seen_whole_without_scrolling(window, width):
    for name, tags in (("pg-1", ["env:prod", "team:platform"]), ("pg-2", ["env:test"])):
        one = make_instance(name, tags=tags)
        for age in (0, 30):
            add_both(one, today() - timedelta(days=age), 354 * 2**30 if age else 1333 * 2**30)
    window.resize(width)
    window.visit("index")
    cut = "tables => tables.filter(one => one.scrollWidth > one.parentElement.clientWidth).length"
    tables = window.page.locator(".whalefall-groups")
    expect(tables).to_have_count(3)
    assert tables.evaluate_all(cut) == 0

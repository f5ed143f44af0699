"""Pages of databases, comparisons and the report in the browser: charts are drawn, links lead on, it prints."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from capacity.collection.ingest import ingest
from capacity.insight.refresh import refresh
from capacity.models import CapacityLimit, DatabaseState
from capacity.periods import Period
from capacity.tests.factories import a_sample, make_instance

from .test_dashboard import DRAWN
from .window import STICKING_OUT

pytestmark = pytest.mark.django_db(transaction=True)

A4 = (595, 842)  #: points
GIB = 2**30


@pytest.fixture
def database():
    """A database that has grown for 100 days, with a limit and a forecast."""
    instance = make_instance("pg-1")
    today = timezone.localdate()
    days = [today - timedelta(days=back) for back in range(100)]
    sizes = {day: (200 - (today - day).days) * GIB for day in days}
    ingest([a_sample(instance, f"{day}T00:00:00+08:00", size, "crm") for day, size in sizes.items()])
    CapacityLimit.objects.create(instance=instance, database_name="crm", limit_bytes=250 * GIB, source="manual")
    refresh([instance.pk], timezone.now())
    return DatabaseState.objects.get()


@pytest.mark.parametrize("width", [1400, 390])
def test_from_the_page_of_a_database_to_a_comparison_that_can_be_sent(open_window, admin_user, database, width):
    window = open_window(admin_user, width=width)
    window.visit("capacity_databasestate_change", database.pk)
    chart = window.page.get_by_role("img", name="Size over time")
    expect(chart).to_be_visible()
    assert chart.evaluate(DRAWN)
    assert list(window.check_layout()) == []
    window.page.get_by_role("link", name="12 months").first.click()
    expect(window.page).to_have_url(re.compile(r"range=365"))
    window.page.get_by_role("link", name="Compare").last.click()
    window.page.get_by_label("Add an instance or a database").fill("pg-1")
    window.page.get_by_role("button", name="Show").click()
    window.page.get_by_role("link", name="+ pg-1", exact=True).click()
    window.page.get_by_role("link", name="Index, 100 at the start").click()
    address = window.page.url
    assert "index=1" in address and address.count("series=") == 2
    other = open_window(admin_user, width=width)
    other.page.goto(address)
    assert other.page.locator("canvas").evaluate(DRAWN)
    expect(other.page.locator("tbody tr")).to_have_count(2)
    assert list(other.check_layout()) == []


@pytest.mark.parametrize(("language", "title"), [("en", "Capacity report of "), ("zh-CN", "容量报告")])
def test_the_report_prints_on_a4_without_its_bar(open_window, admin_user, database, language, title):
    window = open_window(admin_user, language=language)
    month = Period.containing("monthly", timezone.localdate())
    window.page.goto(f"{reverse('admin:capacity_report')}?month={month.start:%Y-%m}")
    expect(window.page.locator("h1")).to_contain_text(title)
    expect(window.page.locator(".bar")).to_be_visible()
    window.page.emulate_media(media="print")
    window.page.set_viewport_size({"width": 700, "height": 990})  # what A4 leaves between its margins
    expect(window.page.locator(".bar")).to_be_hidden()
    assert window.page.evaluate(STICKING_OUT) == []
    printed = window.page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert {(round(float(width)), round(float(height))) for width, height in boxes} == {A4}

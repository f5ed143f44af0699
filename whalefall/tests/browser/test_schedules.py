"""Schedules in the browser: the fields that count are shown, with and without JavaScript."""

import pytest
from django_celery_beat.models import PeriodicTask
from playwright.sync_api import expect

from capacity.schedules import install_schedules
from sync_sessions.models import SyncSession

pytestmark = pytest.mark.django_db(transaction=True)

CHOSEN_ONLY = ["Days of the week", "Month of the quarter", "Day of the month"]


def edit(window, name):
    install_schedules()
    window.visit("capacity_schedule_change", PeriodicTask.objects.get(name=f"WhaleFall: {name}").pk)


def shown(window):
    """The labels of the fields of the form that can be seen."""
    labels = window.page.locator("#schedule_form label")
    return {label.inner_text().strip("* \n") for label in labels.all() if label.is_visible()}


def test_only_the_fields_of_the_choice_made_are_shown(window):
    edit(window, "aggregate weekly")
    window.says("every Monday at 04:20, Asia/Shanghai")
    expect(window.page.locator("#next-runs tbody tr")).to_have_count(5)
    expect(window.page.get_by_role("checkbox", name="Monday")).to_be_checked()
    assert {"Periods", "Scope"} < shown(window)
    assert [label for label in CHOSEN_ONLY if label in shown(window)] == ["Days of the week"]
    window.page.get_by_label("Every quarter").check()
    expect(window.page.get_by_role("checkbox", name="Monday")).to_be_hidden()
    assert [label for label in CHOSEN_ONLY if label in shown(window)] == CHOSEN_ONLY[1:]
    window.page.get_by_label("Every day").check()
    expect(window.page.get_by_label("Day of the month", exact=True)).to_be_hidden()


def test_a_schedule_is_edited_after_a_look_at_its_next_runs(window):
    edit(window, "aggregate weekly")
    window.page.get_by_label("Every month").check()
    window.fill(Day_of_the_month="31")
    window.press("Show the next runs")
    window.says("Give a day from 1 to 28")
    window.fill(Day_of_the_month="5", Time="23:30")
    window.press("Show the next runs")
    window.says("Not saved yet.")
    window.says("on day 5 of every month at 23:30, Asia/Shanghai")
    expect(window.page.locator("#next-runs tbody tr").first).to_contain_text("Weekly: ")  # what it will compute
    assert PeriodicTask.objects.get(name="WhaleFall: aggregate weekly").crontab.day_of_month == "*"
    window.page.get_by_label("Time").press("Enter")
    window.says("Next run: ")
    assert PeriodicTask.objects.get(name="WhaleFall: aggregate weekly").crontab.day_of_month == "5"


def test_the_form_works_without_javascript(open_window, admin_user):
    window = open_window(admin_user, java_script_enabled=False)
    window.visit("capacity_schedule_add")
    assert set(CHOSEN_ONLY) < shown(window)
    window.fill(Name="ours", Time="01:05")
    for label in ("Collect", "Every quarter"):
        window.page.get_by_label(label, exact=True).check()
    window.fill(Day_of_the_month="7")
    window.press("Save")
    window.says("on day 7 of January, April, July, October at 01:05")
    assert PeriodicTask.objects.get(name="ours").crontab.month_of_year == "1,4,7,10"


def test_run_now_asks_and_lands_on_the_session(window):
    edit(window, "aggregate weekly")
    window.press("Run now")
    window.says("Run it now?")
    window.press("Run now")
    window.page.wait_for_url("**/sync_sessions/syncsession/*/change/")
    assert SyncSession.objects.get().lock_key == "aggregation:weekly"

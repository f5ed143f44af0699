"""Every page of the admin is opened in the browser, with hostile names on it."""

import re

import pytest
from django.contrib import admin
from django.test import RequestFactory
from django.urls import reverse
from playwright.sync_api import expect

from whalefall.tests.hostile import make_hostile_site
from whalefall.tests.roles import user_of

pytestmark = pytest.mark.django_db(transaction=True)


def pages(user):
    """The (name, arguments) of every page of the admin that this user can open by its address."""
    request = RequestFactory().get("/")
    request.user = user
    yield from (("index", ()), ("password_change", ()), ("password_change_done", ()))
    for model, model_admin in admin.site._registry.items():
        base = f"{model._meta.app_label}_{model._meta.model_name}"
        row = model._default_manager.order_by("pk").last()
        assert row is not None, f"make_hostile_site makes no {base}: its pages would go untested"
        wanted = {"changelist": (), "history": (row.pk,), "change": (row.pk,)}
        wanted |= {"add": ()} if model_admin.has_add_permission(request) else {}
        wanted |= {"delete": (row.pk,)} if model_admin.has_delete_permission(request, row) else {}
        there = {url.name for url in model_admin.get_urls()}  # a token, for one, has no page of its own
        yield from ((f"{base}_{page}", args) for page, args in wanted.items() if f"{base}_{page}" in there)


def test_no_page_runs_a_hostile_name_or_sticks_out_of_a_wide_or_a_narrow_window(window, admin_user):
    make_hostile_site(admin_user)
    widths, faults = [1280, 390], []
    for name, args in pages(admin_user):
        window.visit(name, *args)
        for width in widths:
            window.resize(width)
            faults += [f"{name}, {width} wide: {fault}" for fault in window.check_layout()]
        widths.reverse()  # the next page is opened in the window as it is, every other one in the narrow one
    assert faults == []


def test_every_page_is_there_in_chinese(admin_client, admin_user):
    make_hostile_site(admin_user)
    for name, args in pages(admin_user):
        page = admin_client.get(reverse(f"admin:{name}", args=args), headers={"accept-language": "zh-CN"})
        assert (name, page.status_code) == (name, 200)
        assert 'lang="zh-hans"' in page.content.decode()


def test_who_may_only_look_finds_no_button_that_adds_or_runs(open_window, admin_user):
    make_hostile_site(admin_user)
    window = open_window(user_of("viewer", is_staff=True))
    for name in ("capacity_instance_changelist", "sync_sessions_syncsession_changelist"):
        window.visit(name)
        expect(window.page.locator("#result_list tbody tr").first).to_be_visible()
        for shown in ("a.addlink", "a[href$='/add/']"):
            expect(window.page.locator(shown)).to_have_count(0)
        actions = window.page.locator("select[name=action] option").evaluate_all("all => all.map(one => one.value)")
        assert {*actions} <= {"", "compare_chosen"}


def test_the_theme_is_switched_by_keyboard(window):
    window.visit("index")
    opener = window.page.locator("#nav-sidebar [role=button]").last
    opener.focus()
    window.page.keyboard.press("Enter")
    dark = window.page.get_by_role("button", name="Dark")
    dark.focus()
    window.page.keyboard.press("Enter")
    expect(window.page.locator("html")).to_have_class(re.compile("dark"))


def test_the_keyboard_skips_to_the_content(window):
    window.visit("capacity_instance_changelist")
    window.page.keyboard.press("Tab")
    skip = window.page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    window.page.keyboard.press("Enter")
    window.page.keyboard.press("Tab")
    assert window.page.evaluate("document.querySelector('#content').contains(document.activeElement)")


def test_what_a_screen_reader_is_told_of_search_and_icons(window):
    window.visit("sync_sessions_syncsession_changelist")
    expect(window.page.get_by_role("textbox", name="Session id, or user name")).to_be_visible()
    read_out = window.page.locator(".material-symbols-outlined:not([aria-hidden=true], [aria-label=Menu])")
    expect(read_out).to_have_count(0)


def test_a_browser_elsewhere_is_told_no_hour_in_a_filter_of_days(open_window, admin_user):
    window = open_window(admin_user, timezone_id="America/New_York")
    window.visit("sync_sessions_syncsession_changelist")
    window.page.get_by_text("Filters").first.click()
    expect(window.page.locator("input[name=created_at_from]")).to_be_visible()
    expect(window.page.locator(".timezonewarning")).to_have_count(2)
    expect(window.page.locator(".timezonewarning:visible")).to_have_count(0)

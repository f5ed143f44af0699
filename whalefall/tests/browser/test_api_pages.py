"""The page of the API and that of its tokens, as a person uses them."""

import pytest
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator
from playwright.sync_api import expect

from capacity.tests.factories import make_instance
from sync_sessions.models import SyncSession
from whalefall.tests.roles import user_of

pytestmark = pytest.mark.django_db(transaction=True)


def operation(page, name):
    """Opened, and with "Try it out" pressed."""
    block = page.locator(f"[id$='-{name}']")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    return block


def test_the_page_of_the_api_has_every_operation(open_window):
    paths = SchemaGenerator().get_schema(public=True)["paths"]
    window = open_window()
    window.page.goto(reverse("docs"))
    expect(window.page.locator(".opblock")).to_have_count(sum(map(len, paths.values())))


def test_who_is_logged_in_tries_operations_there(window):
    make_instance()
    window.visit("index")
    window.page.goto(reverse("docs"))
    block = operation(window.page, "capacity_aggregations_current_create")
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    assert SyncSession.objects.get().created_by.username == "admin"


def test_a_token_is_made_shown_once_and_revoked(window):
    user_of("viewer")
    page = window.page
    window.visit("knox_authtoken_add")
    page.locator("[name=user]").select_option(label="viewer")
    page.locator("[name=days]").fill("7")
    page.locator("[name=name]").fill("grafana")
    page.get_by_role("button", name="Save", exact=True).click()
    window.says("Copy it now: it is not shown again.")
    text = page.locator("code").inner_text()
    assert len(text) == 64
    window.visit("knox_authtoken_changelist")
    window.says(f"{text[:8]}…")
    assert text[:9] not in page.content()
    assert list(window.check_layout()) == []
    page.locator("input.action-select").check()
    page.locator("[name=action]").select_option(label="Revoke")
    page.locator("button[name=index]").click()
    window.says("1 token revoked.")

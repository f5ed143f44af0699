"""Whatever stands in the address of an admin page in the place of a key: a page or the way back, never a 500."""

import re

import pytest
from django.contrib import admin
from django.urls import reverse

pytestmark = pytest.mark.django_db

KEYS = {"a word": "abc", "30 digits": "9" * 30, "a NUL": "%00", "nobody's": "987654"}
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
SLOT = re.compile(r"<[^>]*>")


def addresses(model, key):
    """Of every page of the model's admin that has a key in its address."""
    root = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    routes = [str(one.pattern) for one in admin.site._registry[model].get_urls()]
    return [root + SLOT.sub(key, route) for route in routes if SLOT.search(route)]


@pytest.fixture
def site(admin_client):
    admin_client.raise_request_exception = False
    return admin_client


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_a_key_that_no_row_has_is_no_fault_of_any_page(site, model, key):
    answers = {
        (ask.__name__, address): ask(address).status_code
        for address in addresses(model, key)
        for ask in (site.get, site.post)
    }
    assert {what: status for what, status in answers.items() if status >= 500} == {}


def test_history_deletion_and_change_are_among_those_pages():
    pages = [address for model in MODELS for address in addresses(model, "abc")]
    assert {"/admin/capacity/instance/abc/" + page for page in ("history/", "delete/", "change/")} <= set(pages)
    assert len(pages) > 3 * len(MODELS)

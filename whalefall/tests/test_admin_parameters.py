"""Whatever somebody writes into the address of an admin page: a page or the way back to the list, never a 500."""

from itertools import product

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sync_sessions.common.admin.base import ListedFilters, ModelAdmin
from whalefall.tests.hostile import make_hostile_site

pytestmark = pytest.mark.django_db

ADMINS = sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label)
HUGE = "9" * 30
VALUES = ["%00", HUGE, "a,b,,"]


def list_of(model):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.fixture
def site(admin_client, admin_user):
    make_hostile_site(admin_user)
    admin_client.raise_request_exception = False
    return admin_client


def unlisted(model):
    """Look-ups that no filter of a list has."""
    first, *_others, last = [field.name for field in model._meta.concrete_fields]
    return (f"{last}__regex=[", f"{last}__year=99999999999", f"{first}__contains=%00", "created_by__password__gt=a")


def listed(client, model):
    """The parameters of the filters that the list itself has."""
    changelist = client.get(list_of(model)).context["cl"]
    return {name for spec in changelist.filter_specs for name in spec.expected_parameters()}


def test_every_list_of_the_admin_takes_listed_filters_alone(rf, admin_user):
    request = rf.get("/")
    request.user = admin_user
    assert [model for model, one in ADMINS if not isinstance(one, ModelAdmin)] == []
    assert [model for model, one in ADMINS if not issubclass(one.get_changelist(request), ListedFilters)] == []


def test_what_no_filter_has_leads_back_to_the_list(site):
    answers = {
        (model, query): site.get(f"{list_of(model)}?{query}") for model, _admin in ADMINS for query in unlisted(model)
    }
    assert len(answers) == 4 * len(ADMINS)
    assert {(answer.status_code, answer.get("Location", "").partition("?")[2]) for answer in answers.values()} == {
        (302, "e=1")
    }


def test_a_regex_is_not_even_asked_of_the_database(site):
    with CaptureQueriesContext(connection) as queries:
        site.get("/admin/capacity/instance/?name__regex=(a%2B)%2B%24")
    assert not [query["sql"] for query in queries if "regexp" in query["sql"].lower() or "~" in query["sql"]]


def test_a_value_that_no_filter_knows_leads_to_a_page(site):
    statuses = {
        (name, value): site.get(f"{list_of(model)}?{name}={value}").status_code
        for model, _admin in ADMINS
        for name, value in [*product(listed(site, model), VALUES), ("q", "%00"), ("o", HUGE), ("p", HUGE)]
    }
    assert {name: status for name, status in statuses.items() if status not in (200, 302)} == {}


def test_a_value_that_no_filter_knows_is_told_or_finds_nothing(site):
    silent = []
    for model, _admin in ADMINS:
        for name in listed(site, model):
            if name.endswith("__isnull"):  # Django's own, which no page leads to
                continue
            page = site.get(f"{list_of(model)}?{name}=foo", follow=True)
            told = [str(message) for message in get_messages(page.wsgi_request)]
            if page.context["cl"].result_count and not any('"foo"' in one or "no such filter" in one for one in told):
                silent.append((model._meta.label, name))
    assert silent == []


@pytest.mark.parametrize("page", ["abc", "99", HUGE])
def test_the_search_of_the_menu_takes_any_page(site, page):
    answer = site.get(f"/admin/search/?s=a&page={page}")
    assert (answer.status_code, "Instances" in answer.content.decode()) == (200, True)
    assert site.get(f"/admin/search/?s=%00&page={page}").status_code == 200


def test_keys_that_no_row_has_are_refused_by_every_action(site):
    for model, one in ADMINS:
        request = site.get(list_of(model)).wsgi_request
        actions = list(one.get_actions(request))
        for name in actions:
            chosen = ["abc", "\x00", HUGE]
            answer = site.post(list_of(model), {"action": name, "_selected_action": chosen, "index": "x"})
            assert answer.status_code in (200, 302), (model, name)


def test_who_chooses_no_such_row_is_told(site):
    answer = site.post("/admin/capacity/instance/", {"action": "delete_selected", "_selected_action": ["abc"]})
    told = [str(message) for message in get_messages(answer.wsgi_request)]
    assert told == ["There are no such rows: choose some of the list."]


def test_autocomplete_finds_nothing_by_a_nul(site):
    query = "app_label=capacity&model_name=databasesizestat&field_name=instance"
    for rest in ("term=%00", "term=a&page=abc", f"term=a&page={HUGE}"):
        assert site.get(f"/admin/autocomplete/?{query}&{rest}").status_code in (200, 404)

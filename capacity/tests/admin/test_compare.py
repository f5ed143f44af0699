"""Databases and instances side by side."""

import csv
import io
import json
import re
from html import unescape

import pytest
from django.urls import reverse

from capacity.collection.ingest import ingest
from capacity.models import DatabaseState, Instance
from capacity.tests.factories import a_sample, make_instance

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to("2025-03-05T04:00:00Z", tick=False)


@pytest.fixture
def pair():
    one, other = make_instance("pg-one"), make_instance("=other")
    sizes = {(one, "crm"): (100, 150), (other, "erp"): (2000, 1000)}
    days = ("2025-03-03", "2025-03-05")
    ingest(
        [
            a_sample(instance, f"{day}T03:00:00+08:00", size, name)
            for (instance, name), both in sizes.items()
            for day, size in zip(days, both, strict=True)
        ]
    )
    return one, other


def ask(client, pair, **query):
    series = [f"{pair[0].pk}:crm", f"{pair[1].pk}"]
    return client.get(reverse("admin:capacity_compare"), {"series": series, "from": "2025-03-03", **query})


def lines(answer):
    data = json.loads(unescape(re.search(r'data-value="([^"]*)"', answer.content.decode())[1]))
    return {one["label"]: one["data"] for one in data["datasets"]}


def test_sizes_are_shown_in_one_unit_and_as_an_index(admin_client, pair):
    assert lines(ask(admin_client, pair)) == {"pg-one crm": [0.098, None, 0.146], "=other": [1.953, None, 0.977]}
    assert lines(ask(admin_client, pair, index="1")) == {"pg-one crm": [100, None, 150], "=other": [100, None, 50]}


def test_the_file_has_what_is_shown(admin_client, pair):
    def rows(**query):
        answer = ask(admin_client, pair, format="csv", **query)
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        return list(csv.reader(io.StringIO(answer.content.decode())))

    head = ["day", "pg-one crm", "'=other"]
    assert rows() == [head, ["2025-03-03", "100", "2000"], ["2025-03-04", "", ""], ["2025-03-05", "150", "1000"]]
    assert rows(index="1", step="monthly") == [head, ["2025-03-01", "100.00", "100.00"]]


def test_what_the_links_of_the_page_say_can_be_sent_to_others(admin_client, pair):
    html = ask(admin_client, pair, index="1").content.decode()
    links = {unescape(found) for found in re.findall(r'href="(\?[^"]*)"', html)}
    series = f"series={pair[0].pk}%3Acrm&series={pair[1].pk}&from=2025-03-03&to=2025-03-05&step=daily"
    assert {f"?{series}", f"?{series}&index=1", f"?{series}&index=1&format=csv"} <= links
    assert f"?series={pair[1].pk}&from=2025-03-03&to=2025-03-05&step=daily&index=1" in links  # one taken out


def test_one_is_added_by_a_part_of_its_name(admin_client, pair):
    found = ask(admin_client, pair, q="erp").context["found"]
    assert [one["label"] for one in found] == ["=other erp"]
    assert (
        admin_client.get(f"{reverse('admin:capacity_compare')}?{found[0]['query']}").context["asked"].lines[2].label
        == "=other erp"
    )
    assert ask(admin_client, pair, q="nobody").context["found"] == []


@pytest.mark.parametrize("query", [{"series": "x"}, {"series": "999999"}, {"step": "hourly"}, {"from": "9"}])
def test_what_is_wrong_in_the_address_is_said(admin_client, pair, query):
    answer = ask(admin_client, pair, **query)
    assert answer.status_code == 200
    assert len(list(answer.context["messages"])) == 1


def test_who_may_not_see_samples_is_refused(staff_client, pair):
    assert ask(staff_client("view_instance"), pair).status_code == 403


@pytest.mark.parametrize("model", ["instance", "databasestate"])
def test_some_are_chosen_in_a_list_but_not_too_many(admin_client, pair, model):
    def choose(objects):
        url = reverse(f"admin:capacity_{model}_changelist")
        chosen = {"action": "compare_chosen", "_selected_action": [one.pk for one in objects]}
        return admin_client.post(url, chosen, follow=True)

    ingest([a_sample(make_instance(), "2025-03-05T03:00:00+08:00", 1, "x") for _number in range(9)])
    every = list((Instance if model == "instance" else DatabaseState).objects.order_by("pk"))
    expected = {"instance": {"pg-one", "=other"}, "databasestate": {"pg-one crm", "=other erp"}}
    assert {line.label for line in choose(every[:2]).context["asked"].lines} == expected[model]
    assert "Choose at most 10 to compare." in choose(every).content.decode()

"""Tags in the admin: on the form of an instance, on many at once, and as a filter of every list."""

import pytest
from django.urls import reverse

from capacity.models import Tag
from capacity.tests.factories import make_instance
from capacity.tests.tagged import instance_of, make_one_of_everything

from .staff import history, logged_in, told, words

pytestmark = pytest.mark.django_db

INSTANCES = reverse("admin:capacity_instance_changelist")
#: Every list of what belongs to instances.
LISTS = [
    "capacity_alert",
    "capacity_capacityevent",
    "capacity_capacitylimit",
    "capacity_databasesizeaggregation",
    "capacity_databasesizestat",
    "capacity_databasestate",
    "capacity_forecast",
    "capacity_instance",
    "capacity_instancesizeaggregation",
    "capacity_instancesizestat",
    "sync_sessions_syncinstancerecord",
    "sync_sessions_syncsession",
]
ALL = {"capacity_forecast": {"forecast": "all"}}  #: what a list leaves out at first is asked for


def shown(page):
    return [str(one) for one in page.context["cl"].result_list]


def post_action(client, name, instances, **fields):
    chosen = {"action": name, "_selected_action": [one.pk for one in instances], **fields}
    return client.post(INSTANCES, chosen, follow=True)


@pytest.fixture
def tagged():
    return make_instance("a", tags=["team:billing", "prod"])


def test_the_list_shows_tags_and_is_filtered_by_one(admin_client, tagged):
    make_instance("b")
    assert "prod, team:billing" in words(admin_client.get(INSTANCES))
    assert shown(admin_client.get(INSTANCES, {"tag": "prod"})) == ["a"]
    assert shown(admin_client.get(INSTANCES, {"tag": "nope"})) == []


def test_the_form_of_an_instance_has_them(admin_client, tagged):
    page = reverse("admin:capacity_instance_change", args=[tagged.pk])
    form = admin_client.get(page).context["adminform"].form
    values = {name: field for name, field in form.initial.items() if field is not None}
    kept = Tag.objects.get(name="prod")
    answer = admin_client.post(page, {**values, "tags": [kept.pk]})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert list(tagged.tags.all()) == [kept]
    found = admin_client.get(
        reverse("admin:autocomplete"),
        {
            "term": "bill",
            "app_label": "capacity",
            "model_name": "instance",
            "field_name": "tags",
        },
    )
    assert [one["text"] for one in found.json()["results"]] == ["team:billing"]


def test_many_instances_get_a_tag_and_lose_it(tagged):
    editor = logged_in("view_instance", "change_instance", "view_tag")
    fleet = [tagged, make_instance("b"), make_instance("c")]
    prod = Tag.objects.get(name="prod")
    asked = post_action(editor, "add_tag", fleet)
    assert "Which tag shall 3 instances get?" in words(asked)
    assert prod.instances.count() == 1
    answer = post_action(editor, "add_tag", fleet, confirmed="yes", tag=prod.pk)
    assert told(answer) == [("success", "prod: 2 of the chosen instances have it now that had it not.")]
    assert prod.instances.count() == 3
    answer = post_action(editor, "remove_tag", fleet[:2], confirmed="yes", tag=prod.pk)
    assert told(answer) == [("success", "prod: 2 of the chosen instances had it and have it no more.")]
    assert [one.name for one in prod.instances.all()] == ["c"]
    assert [text for _key, text in history()] == ["Changed Tags."] * 4


def test_without_a_tag_it_is_asked_again(tagged):
    editor = logged_in("view_instance", "change_instance")
    answer = post_action(editor, "add_tag", [tagged], confirmed="yes", tag="")
    assert "This field is required." in words(answer)


def test_the_list_of_tags_leads_to_their_instances(admin_client, tagged):
    page = admin_client.get(reverse("admin:capacity_tag_changelist")).content.decode()
    assert f"{INSTANCES}?tag=team%3Abilling" in page
    assert "1 instance" in page


def test_before_a_tag_is_deleted_no_line_is_said_of_each_of_its_instances(admin_client, tagged):
    tag = tagged.tags.get(name="prod")
    context = admin_client.get(reverse("admin:capacity_tag_delete", args=[tag.pk])).context
    assert context["deleted_objects"] == ["Tag: prod"]


@pytest.mark.parametrize("name", LISTS)
def test_every_list_is_filtered_by_tag(admin_client, name):
    make_one_of_everything("prod", "other")
    url = reverse(f"admin:{name}_changelist")
    assert admin_client.get(url, ALL.get(name, {})).context["cl"].result_count == 2
    page = admin_client.get(url, {"tag": "prod", **ALL.get(name, {})})
    assert [instance_of(row) for row in page.context["cl"].result_list] == ["prod-1"]


@pytest.mark.parametrize("name", LISTS)
def test_several_tags_are_any_of_them_and_all_are_shown_as_chosen(admin_client, name):
    make_one_of_everything("prod", "other", "third")
    asked = {"tag": ["prod", "other"], **ALL.get(name, {})}
    page = admin_client.get(reverse(f"admin:{name}_changelist"), asked)
    assert sorted(instance_of(row) for row in page.context["cl"].result_list) == ["other-1", "prod-1"]
    [chooser] = [one for one in page.context["cl"].filter_specs if "tag" in one.expected_parameters()]
    [choice] = chooser.choices(page.context["cl"])
    assert choice["form"]["tag"].value() == ["prod", "other"]
    assert "tag (any of those chosen)" in words(page)
    assert page.content.decode().count(" selected>") >= 2


@pytest.mark.parametrize("name", LISTS)
def test_a_tag_that_no_instance_has_is_told_and_finds_nothing(admin_client, name):
    make_one_of_everything("prod")
    Tag.objects.create(name="lonely")
    url = reverse(f"admin:{name}_changelist")
    page = admin_client.get(url, {"tag": ["nope", "lonely"]})
    assert ("warning", "No instance has the tag lonely or nope.") in told(page)
    assert page.context["cl"].result_count == 0
    page = admin_client.get(url, {"tag": ["nope", "prod"], **ALL.get(name, {})})
    assert ("warning", "No instance has the tag nope.") in told(page)
    assert page.context["cl"].result_count == 1


def test_without_any_tag_one_that_is_asked_for_finds_nothing_either(admin_client):
    make_instance("a")
    page = admin_client.get(INSTANCES, {"tag": "nope"})
    assert told(page) == [("warning", "No instance has the tag nope.")]
    assert page.context["cl"].result_count == 0


def test_the_rows_of_each_tag_are_counted(admin_client, tagged):
    make_instance("b", tags=["prod"])
    page = words(admin_client.get(INSTANCES, {"_facets": "1", "tag": "prod"}))
    assert "prod (2)" in page and "team:billing (1)" in page


def test_an_export_has_the_rows_of_the_tag(admin_client):
    make_one_of_everything("prod", "other")
    export = reverse("admin:capacity_databasestate_export")
    lines = b"".join(admin_client.get(export, {"tag": "other"}).streaming_content).decode().splitlines()
    assert len(lines) == 2
    assert "other-1" in lines[1]

"""Tags in the admin: on the form of an instance, on many at once, and as a filter of every list."""

import pytest
from django.urls import reverse

from capacity.models import Instance, Tag
from capacity.periods import today
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, aggregate, the
from sync_sessions.choices import SyncCategory, SyncType
from sync_sessions.services import sync_session_service

from .staff import history, logged_in, told, words

pytestmark = pytest.mark.django_db

INSTANCES = reverse("admin:capacity_instance_changelist")


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


LISTS = [
    "capacity_databasesizestat",
    "capacity_instancesizestat",
    "capacity_databasesizeaggregation",
    "capacity_instancesizeaggregation",
    "sync_sessions_syncsession",
    "sync_sessions_syncinstancerecord",
]


@pytest.mark.parametrize("name", LISTS)
def test_every_list_is_filtered_by_tag(admin_client, tagged, name):
    other = make_instance("b", tags=["other"])
    for number, one in enumerate([tagged, other]):
        add_both(one, today(), 100)
        sync_session_service.create_session(
            sync_type=SyncType.MANUAL_TASK,
            sync_category=SyncCategory.OTHER,
            lock_key=str(number),
            instances=[(one.pk, one.name)],
        )
    aggregate(the("daily", str(today())))
    url = reverse(f"admin:{name}_changelist")
    assert admin_client.get(url).context["cl"].result_count == 2
    page = admin_client.get(url, {"tag": "prod"})
    [row] = page.context["cl"].result_list
    record = row.records.get() if name.endswith("session") else row
    assert record.instance == tagged
    assert Instance.objects.count() == 2

"""`/api/v1/tags/`, and the tags of an instance."""

import pytest

from capacity.models import Instance, Tag
from capacity.tests.admin.staff import history
from capacity.tests.factories import make_instance

pytestmark = pytest.mark.django_db

URL = "/api/v1/tags/"


@pytest.fixture
def api(client_with):
    verbs = ("view", "add", "change", "delete")
    return client_with(*(f"{verb}_{model}" for model in ("tag", "instance") for verb in verbs))


def test_tags_are_added_renamed_listed_and_deleted(api):
    made = api.post(URL, {"name": "team:billing"})
    tag = {"id": Tag.objects.get().pk, "name": "team:billing", "instance_count": 0}
    assert (made.status_code, made.json()) == (201, tag)
    make_instance("a", tags=["team:billing", "prod"])
    one = f"{URL}{tag['id']}/"
    assert api.patch(one, {"name": "team:invoices"}).json()["instance_count"] == 1
    listed = api.get(URL).json()["results"]
    assert [(tag["name"], tag["instance_count"]) for tag in listed] == [("prod", 1), ("team:invoices", 1)]
    assert [tag["name"] for tag in api.get(f"{URL}?name=INV").json()["results"]] == ["team:invoices"]
    assert api.delete(one).status_code == 204
    assert Instance.objects.get().tags.get().name == "prod"
    assert [text for _key, text in history()] == ["Added.", "Changed Name.", ""]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "a,b"}, "invalid_tag"),
        ({"name": 7}, "invalid"),
        ({}, "required"),
        ({"name": "x", "y": 1}, "unknown_field"),
    ],
)
def test_what_is_no_tag_is_refused(api, body, code):
    answer = api.post(URL, body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)


def test_a_tag_is_there_once(api):
    Tag.objects.create(name="prod")
    assert api.post(URL, {"name": "prod"}).json()["errors"][0]["code"] == "unique"


def test_an_instance_gets_tags_by_their_names_and_keeps_them(api):
    Tag.objects.create(name="prod")
    made = api.post("/api/v1/instances/", {"name": "a", "db_type": "mysql", "tags": ["prod", "prod"]})
    assert (made.status_code, made.json()["tags"]) == (201, ["prod"])
    one = f"/api/v1/instances/{made.json()['id']}/"
    assert api.patch(one, {"description": "x"}).json()["tags"] == ["prod"]
    assert api.patch(one, {"tags": []}).json()["tags"] == []
    assert api.patch(one, {"tags": []}).status_code == 200
    assert [text for _key, text in history()] == ["Added.", "Changed Description.", "Changed Tags."]


@pytest.mark.parametrize(
    ("tags", "code"),
    [(["nope"], "does_not_exist"), ("prod", "not_a_list"), ([None], "invalid"), (["\x00"], "invalid")],
)
def test_tags_of_an_instance_must_be_there(api, tags, code):
    answer = api.post("/api/v1/instances/", {"name": "a", "db_type": "mysql", "tags": tags})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)

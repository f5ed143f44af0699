"""`?tag=NAME` of every list of the API: what belongs to instances with one of these tags."""

import pytest

from capacity.models import Instance
from capacity.tests.tagged import LISTS_BY_INSTANCE, make_one_of_everything
from sync_sessions.models import SyncSession

pytestmark = pytest.mark.django_db

LISTS = [*LISTS_BY_INSTANCE, "instances", "sync-sessions"]


def tags_of(admin_api, path, query):
    """Of the instances that the rows are about."""
    answer = admin_api.get(f"/api/v1/{path}/?{query}")
    assert answer.status_code == 200, answer.json()
    keys = [_instance(row) for row in answer.json()["results"]]
    return sorted(tag.name for key in keys for tag in Instance.objects.get(pk=key).tags.all())


def _instance(row):
    if "session_id" in row and "instance" not in row:
        return SyncSession.objects.get(session_id=row["session_id"]).records.get().instance_id
    found = row.get("instance", row.get("id"))
    return found["id"] if isinstance(found, dict) else found


@pytest.mark.parametrize("path", LISTS)
def test_every_list_is_filtered_by_tag(admin_api, path):
    make_one_of_everything("prod", "test", "other")
    assert tags_of(admin_api, path, "") == ["other", "prod", "test"]
    assert tags_of(admin_api, path, "tag=prod") == ["prod"]
    assert tags_of(admin_api, path, "tag=prod&tag=test") == ["prod", "test"]
    assert tags_of(admin_api, path, "tag=nobody") == []


def test_the_records_of_a_session_are_too(admin_api):
    make_one_of_everything("prod")
    session = SyncSession.objects.get()
    path = f"sync-sessions/{session.session_id}/records"
    assert tags_of(admin_api, path, "tag=prod") == ["prod"]
    assert tags_of(admin_api, path, "tag=other") == []


def test_samples_of_a_tag_are_ordered_and_narrowed(admin_api):
    make_one_of_everything("prod", "other")
    assert tags_of(admin_api, "capacity/samples", "tag=prod&ordering=-collected_at&database_name=app") == ["prod"]


@pytest.mark.parametrize("name", ["", "a%00b", "x" * 256])
def test_what_can_be_no_name_is_refused(admin_api, name):
    answer = admin_api.get(f"/api/v1/sync-sessions/?tag={name}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "tag")

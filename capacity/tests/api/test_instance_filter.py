"""`?instance=ID or NAME` of every list of the API that has it."""

import pytest

from capacity.models import Instance
from capacity.tests.tagged import LISTS_BY_INSTANCE, make_one_of_everything
from sync_sessions.models import SyncSession

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet():
    """{name: id} of three instances that have one of everything."""
    make_one_of_everything("a", "b", "c")
    return dict(Instance.objects.values_list("name", "pk"))


def found(admin_api, path, *instances):
    """The ids of the instances that the rows are about."""
    answer = admin_api.get(f"/api/v1/{path}/", {"instance": instances})
    assert answer.status_code == 200, answer.json()
    keys = [row["instance"] for row in answer.json()["results"]]
    return sorted(key["id"] if isinstance(key, dict) else key for key in keys)


@pytest.mark.parametrize("path", LISTS_BY_INSTANCE)
def test_ids_and_names_find_the_rows_of_their_instances(admin_api, fleet, path):
    a, b, _c = fleet.values()
    assert found(admin_api, path, a) == found(admin_api, path, "a-1") == found(admin_api, path, a, "a-1") == [a]
    assert found(admin_api, path, a, "b-1") == found(admin_api, path, "a-1", "b-1") == [a, b]


@pytest.mark.parametrize("path", [*LISTS_BY_INSTANCE, "capacity/aggregations/databases/summary"])
def test_a_name_that_is_not_there_is_said(admin_api, fleet, path):
    answer = admin_api.get(f"/api/v1/{path}/", {"instance": ["a-1", "prod", "test"]})
    [error] = answer.json()["errors"]
    assert (answer.status_code, error) == (
        400,
        {"attr": "instance", "code": "unknown_instance", "detail": "There is no instance named prod, test."},
    )


def test_a_whole_number_is_an_id_and_one_that_is_not_there_finds_nothing(admin_api, fleet):
    a, b, _c = fleet.values()
    Instance.objects.filter(pk=b).update(name=str(a))
    assert found(admin_api, "capacity/databases", a) == [a]
    assert found(admin_api, "capacity/databases", 10**17) == []
    number = str(10**30)  # too long for an id
    Instance.objects.filter(pk=b).update(name=number)
    assert found(admin_api, "capacity/databases", number) == [b]


def test_the_records_of_a_session_are_found_by_name(admin_api, fleet):
    session = SyncSession.objects.get(lock_key="a")
    path = f"sync-sessions/{session.session_id}/records"
    assert found(admin_api, path, "a-1") == [fleet["a-1"]]
    assert found(admin_api, path, "b-1") == []


@pytest.mark.parametrize("name", ["", "a\x00b", "x" * 256])
def test_what_can_be_no_name_is_refused(admin_api, name):
    answer = admin_api.get("/api/v1/alerts/", {"instance": name})
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "instance")

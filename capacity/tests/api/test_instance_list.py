"""`/api/v1/instances/`: its list, and who may do what."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from capacity.models import Instance
from capacity.tests.factories import make_instance

pytestmark = pytest.mark.django_db

URL = "/api/v1/instances/"
NEW = {"name": "prod-pg-1", "db_type": "postgresql"}


@pytest.fixture
def api(client_with):
    return client_with("view_instance")


@pytest.fixture
def fleet():
    make_instance("zeta", db_type="mysql")
    make_instance("Alpha_1", db_type="postgresql")
    make_instance("alpha-2", db_type="oracle", is_active=False)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"zeta", "Alpha_1", "alpha-2"}),
        ("db_type=mysql", {"zeta"}),
        ("db_type=mysql&db_type=oracle", {"zeta", "alpha-2"}),
        ("is_active=false", {"alpha-2"}),
        ("is_active=true&name=ALPHA", {"Alpha_1"}),
        ("name=a_", {"Alpha_1"}),
        ("name=%25", set()),
    ],
)
def test_the_list_is_filtered(api, fleet, query, names):
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 200
    assert {one["name"] for one in answer.json()["results"]} == names
    assert answer.json()["count"] == len(names)


@pytest.mark.parametrize(
    "query",
    [
        "db_type=db2",
        "db_type=mysql&db_type=x",
        "is_active=yes",
        "is_active=1",
        "name=%00",
        "name=" + "n" * 256,
        "db_typ=mysql",
        "ordering=host",
        "name__startswith=a",
        "password=x",
        "page=0",
        "page_size=1000000000",
    ],
)
def test_a_query_that_it_does_not_understand_is_a_400(api, fleet, query):
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in [error["attr"] for error in answer.json()["errors"]]


def test_a_page_takes_as_many_queries_for_many_as_for_few(api):
    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert api.get(f"{URL}?page_size=200").status_code == 200
        return len(asked)

    make_instance()
    few = queries()
    Instance.objects.bulk_create(Instance(name=f"i{n}", db_type="mysql") for n in range(150))
    assert queries() == few


NEEDED = [
    ("get", "", "view_instance", 200),
    ("post", "", "add_instance", 201),
    ("get", "{pk}/", "view_instance", 200),
    ("patch", "{pk}/", "change_instance", 200),
    ("put", "{pk}/", "change_instance", 200),
    ("delete", "{pk}/", "delete_instance", 204),
    ("post", "{pk}/aggregate/", "trigger_aggregation", 200),
    ("post", "{pk}/collect/", "trigger_aggregation", 409),  # it has no host
]


@pytest.mark.parametrize(("method", "path", "needed", "status"), NEEDED)
def test_each_action_needs_its_own_permission(client_with, method, path, needed, status):
    url = URL + path.format(pk=make_instance().pk)
    body = {} if path.endswith(("collect/", "aggregate/")) else NEW
    body = None if method in ("get", "delete") else body
    others = {permission for _method, _path, permission, _status in NEEDED} - {needed}
    refused = getattr(client_with(*others), method)(url, body)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert getattr(client_with(needed), method)(url, body).status_code == status

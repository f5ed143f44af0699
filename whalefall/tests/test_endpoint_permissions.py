"""Who may do what: every endpoint is a line here, or this fails."""

import json
import re
from typing import NamedTuple

import pytest
from django.urls import get_resolver
from rest_framework.test import APIClient

from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.collection.ingest import ingest
from capacity.models import CapacityLimit, DatabaseSizeAggregation, InstanceSizeAggregation, Tag
from capacity.tests.alerts.factories import make_alert, make_rule
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.samples import run, the
from sync_sessions.choices import SyncCategory, SyncType
from sync_sessions.services import sync_session_service

from .roles import token_of, user_of
from .test_permissions import PEOPLE, may

pytestmark = pytest.mark.django_db

NOON = "2025-06-26T12:00:00+08:00"
SAMPLE = {"instance": "pg-1", "database_name": "sales", "collected_at": NOON, "size_bytes": 1}
LIMIT = {"instance": "pg-1", "limit_bytes": 2}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


class Line(NamedTuple):
    method: str
    path: str  #: as `routes` writes it
    least: str  #: the first of PEOPLE who may
    status: int  #: what those are answered
    on: str = ""  #: which of `things` its parameter names
    body: object = None
    query: str = ""


API = "api/v1/"
ROWS = f"{API}capacity/aggregations/"
ENDPOINTS = (
    Line("GET", "", "anonymous", 302),
    Line("GET", "healthz", "anonymous", 200),
    Line("GET", "readyz", "anonymous", 200),
    Line("GET", "metrics", "anonymous", 200),
    Line("GET", f"{API}schema/", "anonymous", 200),
    Line("GET", f"{API}docs/", "anonymous", 200),
    Line("POST", f"{ROWS}current/", "operator", 200, body={}),
    Line("POST", f"{ROWS}runs/", "operator", 200, body={"periods": ["daily"]}),
    Line("GET", f"{ROWS}databases/", "viewer", 200),
    Line("GET", f"{ROWS}databases/summary/", "viewer", 200),
    Line("GET", f"{ROWS}databases/top/", "viewer", 200),
    Line("GET", f"{ROWS}databases/{{pk}}/", "viewer", 200, "database row"),
    Line("GET", f"{ROWS}instances/", "viewer", 200),
    Line("GET", f"{ROWS}instances/summary/", "viewer", 200),
    Line("GET", f"{ROWS}instances/top/", "viewer", 200),
    Line("GET", f"{ROWS}instances/{{pk}}/", "viewer", 200, "instance row"),
    Line("GET", f"{API}capacity/databases/", "viewer", 200),
    Line("GET", f"{API}capacity/databases/history/", "viewer", 200, "instance", query="?series={pk}"),
    Line("GET", f"{API}capacity/report/", "viewer", 200),
    Line("GET", f"{API}capacity/events/", "viewer", 200),
    Line("GET", f"{API}capacity/forecasts/", "viewer", 200),
    Line("GET", f"{API}capacity/limits/", "viewer", 200),
    Line("POST", f"{API}capacity/limits/", "administrator", 201, body={"instance": "empty", "limit_bytes": 1}),
    Line("GET", f"{API}capacity/limits/{{pk}}/", "viewer", 200, "limit"),
    Line(
        "PUT", f"{API}capacity/limits/{{pk}}/", "administrator", 200, "limit", {"instance": "pg-1", "limit_bytes": 2}
    ),
    Line("PATCH", f"{API}capacity/limits/{{pk}}/", "administrator", 200, "limit", {"limit_bytes": 2}),
    Line("DELETE", f"{API}capacity/limits/{{pk}}/", "administrator", 204, "limit"),
    Line("GET", f"{API}alerts/", "viewer", 200),
    Line("GET", f"{API}alerts/{{pk}}/", "viewer", 200, "alert"),
    Line("POST", f"{API}alerts/{{pk}}/acknowledge/", "operator", 200, "alert", {}),
    Line("POST", f"{API}alerts/{{pk}}/silence/", "operator", 200, "alert", {"until": "2999-01-01T00:00:00Z"}),
    Line("GET", f"{API}tags/", "viewer", 200),
    Line("POST", f"{API}tags/", "administrator", 201, body={"name": "team:shop"}),
    Line("GET", f"{API}tags/{{pk}}/", "viewer", 200, "tag"),
    Line("PUT", f"{API}tags/{{pk}}/", "administrator", 200, "tag", {"name": "test"}),
    Line("PATCH", f"{API}tags/{{pk}}/", "administrator", 200, "tag", {"name": "test"}),
    Line("DELETE", f"{API}tags/{{pk}}/", "administrator", 204, "tag"),
    Line("GET", f"{API}capacity/samples/", "viewer", 200),
    Line("POST", f"{API}capacity/samples/", "operator", 201, body=[SAMPLE]),
    Line("GET", f"{API}instances/", "viewer", 200),
    Line("POST", f"{API}instances/", "administrator", 201, body={"name": "new", "db_type": "mysql"}),
    Line("GET", f"{API}instances/{{pk}}/", "viewer", 200, "instance"),
    Line("PUT", f"{API}instances/{{pk}}/", "administrator", 200, "instance", {"name": "pg-1", "db_type": "mysql"}),
    Line("PATCH", f"{API}instances/{{pk}}/", "administrator", 200, "instance", {"description": "x"}),
    Line("DELETE", f"{API}instances/{{pk}}/", "administrator", 204, "empty instance"),
    Line("POST", f"{API}instances/{{pk}}/aggregate/", "operator", 200, "instance", {}),
    Line("POST", f"{API}instances/{{pk}}/collect/", "operator", 409, "instance", {}),  # it has no host
    Line("GET", f"{API}instances/{{pk}}/tables/", "viewer", 400, "instance"),  # which database?
    Line("POST", f"{API}instances/{{pk}}/tables/", "operator", 409, "instance", {"database_name": "x"}),
    Line("GET", f"{API}sync-records/", "viewer", 200),
    Line("GET", f"{API}sync-sessions/", "viewer", 200),
    Line("GET", f"{API}sync-sessions/{{session_id}}/", "viewer", 200, "open session"),
    Line("GET", f"{API}sync-sessions/{{session_id}}/records/", "viewer", 200, "open session"),
    Line("POST", f"{API}sync-sessions/{{session_id}}/cancel/", "operator", 200, "open session"),
    Line("POST", f"{API}sync-sessions/{{session_id}}/retry/", "operator", 200, "cancelled session"),
)


def routes():
    """{path without its converters: the methods that its view has}, of all but the admin's pages."""

    def walk(patterns, before=""):
        for one in patterns:
            path = before + re.sub(r"^\^|\$$|\\Z$", "", str(one.pattern))
            if path.startswith("admin/"):
                continue
            if hasattr(one, "url_patterns"):
                yield from walk(one.url_patterns, path)
                continue
            name = re.sub(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>", lambda found: f"{{{found[1] or found[2]}}}", path)
            yield name, methods_of(one.callback)

    found = {}
    for name, methods in walk(get_resolver().url_patterns):
        found[name] = found.get(name, set()) | methods
    return found


def methods_of(view):
    if hasattr(view, "actions"):
        return {method.upper() for method in view.actions} - {"HEAD"}
    if hasattr(view, "cls"):
        return {method for method in METHODS if method != "OPTIONS" and hasattr(view.cls, method.lower())}
    return {"GET"}


@pytest.fixture(scope="module", autouse=True)
def things(kept):
    """{what it is: the value of the parameter that names it}"""
    instance, week = make_instance("pg-1"), the("weekly", "2025-06-25")
    ingest([a_sample(instance, "2025-06-25T10:00:00+08:00")])
    run(week)
    options = {"instances": [instance], "sync_type": SyncType.MANUAL_SINGLE, "requested_period_type": "weekly"}
    cancelled = AggregationOrchestrator().open(week, "all", status="pending", **options)
    sync_session_service.cancel_session(cancelled)
    running = sync_session_service.create_session(
        sync_type=SyncType.MANUAL_TASK, sync_category=SyncCategory.OTHER, lock_key="x"
    )
    return {
        "instance": instance.pk,
        "empty instance": make_instance("empty").pk,
        "limit": CapacityLimit.objects.create(instance=instance, limit_bytes=1).pk,
        "alert": make_alert(make_rule(name="large")).pk,
        "tag": Tag.objects.create(name="prod").pk,
        "database row": DatabaseSizeAggregation.objects.get().pk,
        "instance row": InstanceSizeAggregation.objects.get().pk,
        "open session": running.session_id,
        "cancelled session": cancelled.session_id,
    }


def url_of(line, things):
    return "/" + re.sub(r"\{\w+\}", lambda found: str(things[line.on]), line.path + line.query)


def client_of(person):
    client = APIClient()
    if person != "anonymous":
        client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user_of(person))}")
    return client


def test_every_endpoint_is_in_the_table():
    there_are = {(method, path) for path, methods in routes().items() for method in methods}
    assert {(line.method, line.path) for line in ENDPOINTS} == there_are
    assert len(ENDPOINTS) == len(there_are)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("line", ENDPOINTS, ids=lambda line: f"{line.method} /{line.path}")
def test_each_endpoint_lets_in_who_may_and_nobody_else(things, line, person):
    answer = client_of(person).generic(
        line.method,
        url_of(line, things),
        "" if line.body is None else json.dumps(line.body),
        content_type="application/json",
    )
    refusal = 401 if person == "anonymous" else 403
    assert answer.status_code == (line.status if may(person, line.least) else refusal), answer.content


def test_a_method_that_an_endpoint_does_not_have_is_a_405(things):
    client, have = client_of("administrator"), routes()
    found = {}
    for line in ENDPOINTS:
        for method in set(METHODS) - have[line.path]:
            if line.path.startswith("api/"):
                url = url_of(line, things).partition("?")[0]
                found[f"{method} {line.path}"] = client.generic(method, url).status_code
    assert found
    assert {name: status for name, status in found.items() if status != 405} == {}

"""Requests made from the API's own schema, to the running server, as each role; a new endpoint comes in by itself."""

import logging
import socket

import pytest
import requests
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.collection.ingest import ingest
from capacity.models import DatabaseSizeAggregation, InstanceSizeAggregation
from capacity.tests.factories import a_sample, make_instance
from sync_sessions.choices import SyncCategory, SyncType
from sync_sessions.services import sync_session_service
from whalefall.api.throttles import ScopedThrottle
from whalefall.tests.roles import ROLES, token_of, user_of

schemathesis = pytest.importorskip("schemathesis", reason="comes with requirements-dev.txt")
from schemathesis import GenerationMode, checks  # noqa: E402
from schemathesis.core.failures import FailureGroup  # noqa: E402

CASES = 120  #: over all operations
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture
def server(live_server, settings, monkeypatch, caplog):
    """The site on its own test database: no broker, no limit on requests, and no host that could be collected from."""
    settings.CELERY_BROKER_URL = settings.REDIS_URL = ""
    settings.WHALEFALL_COLLECT_NETWORKS = ["192.0.2.0/24"]  # for documentation: nobody is there
    monkeypatch.setattr(ScopedThrottle, "THROTTLE_RATES", dict.fromkeys(ScopedThrottle.THROTTLE_RATES, "9999/s"))
    resolve = socket.getaddrinfo

    def resolve_this_machine(host, *args, **kwargs):
        if host not in ("localhost", "127.0.0.1"):
            raise socket.gaierror("no names in tests")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_this_machine)
    caplog.set_level(logging.CRITICAL, "django.request")  # else a line for each refusal
    return live_server


@pytest.fixture
def things(server):
    """{where a path begins: the parameters that find something}"""
    instance = make_instance()
    ingest([a_sample(instance, timezone.now())])
    CurrentAggregationService().aggregate_current(CurrentAggregationRequest())
    session = sync_session_service.create_session(
        sync_type=SyncType.MANUAL_TASK,
        sync_category=SyncCategory.OTHER,
        lock_key="fuzz",
        instances=[(instance.pk, instance.name)],
    )
    rows = "/api/v1/capacity/aggregations"
    return {
        "/api/v1/instances/{id}/": {"id": instance.pk},
        f"{rows}/databases/{{id}}/": {"id": DatabaseSizeAggregation.objects.get().pk},
        f"{rows}/instances/{{id}}/": {"id": InstanceSizeAggregation.objects.get().pk},
        "/api/v1/sync-sessions/{session_id}/": {"session_id": str(session.session_id)},
    }


@pytest.fixture
def operations():
    document = SchemaGenerator().get_schema(public=True)
    found = [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]
    assert found
    return found


def cases_of(operation, examples, **options):
    """That many generated cases of it; the same ones every time."""
    found = []

    @seed(1)
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(**options))
    def collect(case):
        found.append(case)

    collect()
    return found


@pytest.fixture
def cases(operations, things):
    """Of all operations. For every role the same ones: making them takes far longer than calling them."""
    examples, found = max(1, CASES // (3 * len(operations))), []
    for operation in operations:
        known = next((found for start, found in things.items() if operation.path.startswith(start)), None)
        for options in (
            {"generation_mode": GenerationMode.POSITIVE, "path_parameters": known},
            {"generation_mode": GenerationMode.POSITIVE},
            {"generation_mode": GenerationMode.NEGATIVE},
        ):
            found += cases_of(operation, examples, **options)
    assert {case.operation.label for case in found} == {operation.label for operation in operations}
    return found


def test_whatever_comes_in_is_answered_to_every_role_as_the_schema_says(server, cases):
    told = {}
    for role in ROLES:  # who may change nothing comes first
        with requests.Session() as http:
            http.trust_env = False
            http.headers["Authorization"] = f"Token {token_of(user_of(role))}"
            http.headers["Connection"] = "close"  # kept open, each answer waits for an acknowledgement
            for case in cases:
                try:
                    case.call_and_validate(base_url=server.url, session=http, checks=CHECKS)
                except FailureGroup as failure:
                    # With the response, and the curl line that brings it about.
                    told.setdefault((case.operation.label, role), f"{case.operation.label} as {role}: {failure}")
    if told:
        pytest.fail("\n\n".join(told.values()), pytrace=False)

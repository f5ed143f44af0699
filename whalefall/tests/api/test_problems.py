"""Whatever goes wrong below /api/ is answered by problem details that give nothing away."""

import json
import logging

import pytest
import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import IntegrityError, OperationalError
from django.db.models import ProtectedError
from django.http import Http404, UnreadablePostError
from django.test import Client
from rest_framework import exceptions
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from capacity.aggregation.current import CurrentAggregationService
from capacity.collection.samples import SampleError, SamplesRejected
from capacity.errors import AggregationDisabled, PeriodError, QueueUnavailable
from sync_sessions.choices import SyncCategory, SyncType
from sync_sessions.errors import SessionFinished
from sync_sessions.services import sync_session_service
from whalefall.tests.roles import user_of

pytestmark = pytest.mark.django_db

CURRENT = "/api/v1/capacity/aggregations/current/"


@pytest.fixture
def failing(as_role, monkeypatch):
    """An operator's answer when the service raises this."""

    def ask(error, **headers):
        def fail(*args, **kwargs):
            raise error

        monkeypatch.setattr(CurrentAggregationService, "aggregate_current", fail)
        return as_role("operator").post(CURRENT, headers=headers)

    return ask


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Http404("no"), 404, "not_found"),
        (PermissionDenied("no"), 403, "permission_denied"),
        (exceptions.PermissionDenied("no"), 403, "permission_denied"),
        (exceptions.NotAcceptable(), 406, "not_acceptable"),
        (RequestDataTooBig("no"), 413, "body_too_large"),
        (SuspiciousOperation("no"), 400, "bad_request"),
        (UnreadablePostError("no"), 400, "parse_error"),
        (ProtectedError("no", set()), 409, "still_used"),
        (IntegrityError("no"), 409, "conflict"),
        (OperationalError("database is locked"), 503, "database_unavailable"),
        (QueueUnavailable("no"), 503, "broker_unavailable"),
        (RuntimeError("no"), 500, "internal_error"),
        (RecursionError("no"), 500, "internal_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_error_has_its_status_and_code(failing, problem, error, status, code):
    told = problem(failing(error), status)
    assert (told["code"], told["errors"]) == (code, [])


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (OperationalError("database is locked"), "60"),
        (QueueUnavailable("no"), "60"),
        (AggregationDisabled("off"), None),
        (RuntimeError("no"), None),
    ],
)
def test_what_may_pass_says_when_to_try_again(failing, error, seconds):
    assert failing(error).headers.get("Retry-After") == seconds


def test_an_error_of_the_model_names_its_field(failing, problem):
    told = problem(failing(ValidationError({"host": ["%(host)s is none"]}, code="host", params={})), 400)
    assert (told["code"], told["errors"][0]["attr"]) == ("invalid", "host")


def test_a_wrong_period_is_a_400_with_its_code(failing, problem):
    told = problem(failing(PeriodError("no such period: 100 %")), 400)
    assert told["errors"] == [{"attr": "", "code": "invalid_period", "detail": "no such period: 100 %"}]


def test_refused_samples_are_told_by_their_index(failing, problem):
    errors = [SampleError(3, "size_bytes", "too_large", "Too large."), SampleError(7, "", "duplicate", "Again.", 3)]
    told = problem(failing(SamplesRejected(errors, 250)), 400)
    assert told["code"] == "samples_rejected"
    refused = "The samples are refused, nothing is stored: they have 250 errors."
    assert told["detail"] == f"{refused} The first 2 are listed."
    assert told["errors"] == [
        {"attr": "3.size_bytes", "code": "too_large", "detail": "Too large."},
        {"attr": "7", "code": "duplicate", "detail": "Again."},
    ]


def test_the_items_of_a_list_are_told_by_their_index_and_only_the_first_hundred(failing, problem):
    error = exceptions.ValidationError([{}, {"size_bytes": ["Too large."]}] * 200)
    errors = problem(failing(error), 400)["errors"]
    assert [one["attr"] for one in errors[:2]] == ["1.size_bytes", "3.size_bytes"]
    assert len(errors) == 100


def test_a_finished_session_is_a_409_with_its_link(as_role, failing, problem):
    session = sync_session_service.create_session(
        sync_type=SyncType.MANUAL_TASK, sync_category=SyncCategory.OTHER, lock_key="x"
    )
    told = problem(failing(SessionFinished("It has ended.", session)), 409)
    assert told["session"] == {
        "session_id": str(session.session_id),
        "url": f"http://testserver/api/v1/sync-sessions/{session.session_id}/",
    }


SECRETS = "dsn=postgres://admin:hunter2@db.internal:5432/x password=hunter2 /srv/whalefall/views.py"


KINDS = [RuntimeError, KeyError, IntegrityError, OperationalError, SuspiciousOperation, Http404]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("debug", [True, False])
def test_nothing_internal_is_in_an_answer(failing, settings, kind, debug):
    settings.DEBUG = debug
    answer = failing(kind(SECRETS))
    text = answer.content.decode() + str(answer.headers)
    for secret in ("hunter2", "db.internal", "views.py", "Traceback", kind.__name__):
        assert secret not in text


def test_what_is_unexpected_is_in_the_log_under_the_id_that_the_client_was_told(failing):
    with capture_logs([structlog.contextvars.merge_contextvars]) as logs:
        answer = failing(RuntimeError("the disk is full"))
    [line] = [line for line in logs if line["event"] == "api.unexpected_error"]
    assert line["request_id"] == answer.json()["request_id"]
    assert str(line["exc_info"]) == "the disk is full"


@pytest.mark.parametrize("given", ["abc-123", "A.b:c_9", "x" * 128])
def test_a_sane_request_id_of_the_client_is_taken(given):
    answer = APIClient().get("/api/v1/nothing/", headers={"X-Request-ID": given})
    assert answer["X-Request-ID"] == answer.json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\nb", "<script>", "ключ", '"'])
def test_any_other_gets_one_of_ours(given):
    answer = APIClient().get("/api/v1/nothing/", headers={"X-Request-ID": given})
    assert answer["X-Request-ID"] == answer.json()["request_id"] != given
    assert len(answer["X-Request-ID"]) == 32


def test_every_page_has_a_request_id(client):
    assert len(client.get("/healthz")["X-Request-ID"]) == 32


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v2/x/", "/api/v1/sync-sessions/x/", "/api/v1/%00/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("debug", [True, False])
def test_an_address_that_is_none(settings, problem, path, method, debug):
    settings.DEBUG = debug
    told = problem(Client().generic(method, path), 404)
    assert told["code"] == "not_found"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/api/v1/instances", "/api/v1/sync-sessions", "/api/v1/instances/7/collect"])
def test_an_address_without_its_slash_is_told_to_have_one(problem, path, method):
    told = problem(Client().generic(method, f"{path}?page=1"), 404)
    assert told["detail"] == f"There is no such address; there is {path}/, with a slash at its end."


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/instances/x", "/api/v1/instances//", "/api/v1/a%0ab"])
def test_one_that_a_slash_does_not_help_is_not(problem, path):
    assert "slash" not in problem(Client().get(path), 404)["detail"]


@pytest.mark.parametrize("path", ["/nothing/", "/apis/", "/admin/nothing/"])
def test_other_pages_keep_the_answer_of_django(admin_client, path):
    answer = admin_client.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("debug", [True, False])
def test_a_host_that_is_not_ours_is_a_400(settings, problem, debug, caplog):
    settings.DEBUG, settings.ALLOWED_HOSTS = debug, ["whalefall.example"]
    answer = Client().get(CURRENT, headers={"Host": "evil.example"})
    assert problem(answer, 400)["code"] == "bad_request"
    assert "evil.example" not in answer.content.decode()
    assert int(answer["Content-Length"]) == len(answer.content)


@pytest.mark.parametrize("debug", [True, False])
def test_a_middleware_that_fails_is_a_500_without_a_trace(settings, problem, debug, monkeypatch, caplog):
    def fail(*args):
        raise RuntimeError(SECRETS)

    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr("django.middleware.locale.LocaleMiddleware.process_request", fail)
    settings.DEBUG = debug
    answer = Client(raise_request_exception=False).get(CURRENT)
    assert problem(answer, 500)["code"] == "internal_error"
    assert "hunter2" not in answer.content.decode()
    assert int(answer["Content-Length"]) == len(answer.content)


def test_a_method_that_is_none_names_those_there_are(as_role, problem):
    answer = as_role("operator").delete(CURRENT)
    assert problem(answer, 405)["code"] == "method_not_allowed"
    assert answer["Allow"] == "POST"


def test_a_client_that_accepts_no_json_is_told_so_in_json(as_role, problem):
    answer = as_role("operator").post(CURRENT, headers={"Accept": "image/png"})
    assert problem(answer, 406)["code"] == "not_acceptable"


def test_a_format_that_is_none_is_a_wrong_parameter(as_role, problem):
    told = problem(as_role("operator").post(f"{CURRENT}?format=xml"), 400)
    assert told["errors"] == [
        {"attr": "format", "code": "invalid_format", "detail": "There is no such format; there are: json."}
    ]


@pytest.mark.parametrize("wrong", ["lang=xx", "version=%0a"])
def test_a_problem_is_json_even_where_yaml_was_asked_for(problem, wrong):
    problem(APIClient().get(f"/api/v1/schema/?format=yaml&{wrong}"), 400)


@pytest.mark.parametrize(("query", "kind"), [("", "application/json"), ("?format=yaml", "application/yaml")])
def test_the_schema_is_there_in_both_forms(query, kind):
    answer = APIClient().get(f"/api/v1/schema/{query}")
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, kind)
    assert b"3.1.0" in answer.content


def test_an_unknown_parameter_is_a_400(as_role, problem):
    told = problem(as_role("operator").post(f"{CURRENT}?dry_run=1"), 400)
    assert [(one["attr"], one["code"]) for one in told["errors"]] == [("dry_run", "unknown_parameter")]


def test_a_problem_is_told_in_the_language_of_the_client(problem):
    english = APIClient().get("/api/v1/sync-sessions/x/").json()["detail"]
    chinese = APIClient().get("/api/v1/sync-sessions/x/", headers={"Accept-Language": "zh-hans"}).json()["detail"]
    assert english.isascii()
    assert not chinese.isascii()


def test_a_login_without_the_csrf_token_is_told_what_to_send(problem):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user_of("operator"))
    told = problem(client.post(CURRENT, json.dumps({}), content_type="application/json"), 403)
    assert (told["code"], "X-CSRFToken" in told["detail"]) == ("csrf_failed", True)

"""Every error of the API as problem details (RFC 9457), made in this one place."""

import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import structlog
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from capacity.aggregation.faults import Fault, classify
from capacity.errors import InputError, QueueUnavailable
from sync_sessions.errors import SessionAlreadyRunning, SessionFinished

log = structlog.get_logger(__name__)


class NoSuchEndpoint(APIView):
    """Answers for every address below /api/ that is none, so that clients get problem details there too."""

    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound


def problem_details(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER: `{type, title, status, detail, code, errors, request_id}`.

    What is not expected is logged with its traceback and answered by a sentence that gives nothing away.
    """
    request: Request = context["request"]
    request_id = uuid.uuid4().hex
    if isinstance(error, SessionAlreadyRunning | SessionFinished):
        other = error.session.session_id if error.session else None
        return _problem(request, request_id, 409, error.code, str(error), session=other)
    if isinstance(error, QueueUnavailable):
        return _problem(request, request_id, 503, error.code, str(error))
    if isinstance(error, InputError):
        error = ValidationError(str(error), code=error.code)
    expected = exception_handler(error, context)
    if expected is not None:
        if not isinstance(error, APIException):
            error = NotFound() if expected.status_code == 404 else APIException(code="permission_denied")
        problem = _expected(request, request_id, error, expected)
        for name, value in expected.headers.items():
            problem.headers.setdefault(name, value)
        return problem
    log.error("api.unexpected_error", request_id=request_id, path=request.path, exc_info=error)
    status = 503 if classify(error) is Fault.TRANSIENT else 500
    session = getattr(error, "sync_session_id", None)
    if session is not None:
        detail = _("The run failed as a whole; its session says why.")
        return _problem(request, request_id, status, "aggregation_failed", detail, session=session)
    if status == 503:
        detail = _("The database does not answer at the moment; try again in a minute.")
        return _problem(request, request_id, status, "database_unavailable", detail)
    detail = _("Something went wrong here. Tell the operator the request id: the log has the details.")
    return _problem(request, request_id, status, "internal_error", detail)


def _expected(request: Request, request_id: str, error: APIException, expected: Response) -> Response:
    errors: list[dict[str, str]] = []
    detail, code = str(error.detail), str(getattr(error.detail, "code", error.default_code))
    if isinstance(error, ValidationError):
        errors, code = list(_flat(error.detail)), "invalid"
        detail = " ".join(item["detail"] for item in errors[:3])
    return _problem(request, request_id, expected.status_code, code, detail, errors)


def _flat(detail: Any, attr: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested details as a list; a list item's index is a part of its attr ("samples.3.size_bytes")."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            name = "" if key == "non_field_errors" else str(key)
            yield from _flat(value, ".".join(filter(None, (attr, name))))
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _flat(value, f"{attr}.{index}".lstrip(".") if nested else attr)
    else:
        yield {"attr": attr, "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}


def _problem(
    request: Request,
    request_id: str,
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    session: uuid.UUID | None = None,
) -> Response:
    body: dict[str, Any] = {
        "type": f"urn:whalefall:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors or [],
        "request_id": request_id,
    }
    if session is not None:
        url = reverse("sync-session-detail", kwargs={"session_id": session})
        body["session"] = {"session_id": str(session), "url": request.build_absolute_uri(url)}
    return Response(body, status=status, content_type="application/problem+json")

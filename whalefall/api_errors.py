"""Every error of the API as problem details (RFC 9457), made in this one place."""

import uuid
from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.urls import resolve, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import APIException, NotFound, ParseError, PermissionDenied, ValidationError
from rest_framework.fields import get_error_detail
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from capacity.collection.samples import SamplesRejected
from capacity.errors import AggregationDisabled, QueueUnavailable, StateConflict
from capacity.runs.faults import Fault, classify
from sync_sessions.common.gates import Busy
from sync_sessions.errors import SessionAlreadyRunning, SessionFinished, SessionNotRetryable, session_id_of
from whalefall.api.parsers import BodyTooLarge
from whalefall.middleware.time_limit import too_slow
from whalefall.time_limit import timed_out

log = structlog.get_logger(__name__)

PROBLEM = "application/problem+json"
RETRY_AFTER = 60  #: seconds until a database or a broker that did not answer may be there again
MOST_ERRORS = 100  #: in `errors`; a batch of thousands would else be told in megabytes


class BadRequest(APIException):
    status_code = 400
    default_detail = gettext_lazy("The request is malformed, or is meant for a host that this site does not serve.")
    default_code = "bad_request"


class LengthRequired(APIException):
    status_code = 411
    default_detail = gettext_lazy("Send the body with its Content-Length: it was sent in chunks.")
    default_code = "length_required"


class StillUsed(APIException):
    status_code = 409
    default_detail = gettext_lazy("It cannot be deleted, as other things still refer to it.")
    default_code = "still_used"


class Conflict(APIException):
    status_code = 409
    default_detail = gettext_lazy("It conflicts with what is stored, maybe since a moment ago: read it and try again.")
    default_code = "conflict"


#: What Django and the database raise, and what it is to a client. The first that fits counts.
TRANSLATED: tuple[tuple[type[Exception], type[APIException]], ...] = (
    (Http404, NotFound),
    (DjangoPermissionDenied, PermissionDenied),
    (RequestDataTooBig, BodyTooLarge),
    (SuspiciousOperation, BadRequest),
    (MultiPartParserError, ParseError),
    (UnreadablePostError, ParseError),
    (ProtectedError, StillUsed),
    (RestrictedError, StillUsed),
    (IntegrityError, Conflict),
)


class NoSuchEndpoint(APIView):
    """Answers for every address below /api/ that is none, so that clients get problem details there too."""

    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        path = request.path_info + "/"
        if getattr(resolve(path).func, "cls", None) is not NoSuchEndpoint:
            raise NotFound(_("There is no such address; there is %(path)s, with a slash at its end.") % {"path": path})
        raise NotFound


def problem_details(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER: `{type, title, status, detail, code, errors, request_id}`.

    What is not expected is logged with its traceback and answered by a sentence that gives nothing away.
    """
    request: Request = context["request"]
    # Whatever the client accepts, CSV too: an error has one form.
    request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    headers: dict[str, str] = {}
    body = _of_the_product(request, error)
    if body is None and (known := _known(error)) is not None:
        answer = exception_handler(known, context)
        headers = dict(answer.headers) if answer is not None else {}
        errors = list(islice(_flat(known.detail), MOST_ERRORS)) if isinstance(known, ValidationError) else []
        detail = " ".join(item["detail"] for item in errors[:3]) or str(known.detail)
        code = "invalid" if errors else str(getattr(known.detail, "code", known.default_code))
        body = _body(request, known.status_code, code, detail, errors)
    if body is None:
        body = _unexpected(request, error)
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_after)
    if body["status"] == 503 and not isinstance(error, AggregationDisabled):
        headers["Retry-After"] = str(RETRY_AFTER)
    return Response(body, status=body["status"], headers=headers, content_type=PROBLEM)


def plain_problem(request: HttpRequest, status: int) -> dict[str, Any]:
    """The body for an answer of which no more is known than its status."""
    kinds = (BadRequest, PermissionDenied, NotFound, LengthRequired, BodyTooLarge)
    kind = next((kind for kind in kinds if kind.status_code == status), None)
    if kind is None:
        return _body(request, status, "internal_error", _internal_error())
    return _body(request, status, kind.default_code, str(kind.default_detail))


def _of_the_product(request: Request, error: Exception) -> dict[str, Any] | None:
    if isinstance(error, SessionAlreadyRunning | SessionFinished | SessionNotRetryable):
        other = error.session.session_id if error.session else None
        return _body(request, 409, error.code, str(error), session=other)
    if isinstance(error, StateConflict):
        return _body(request, 409, error.code, str(error))
    if isinstance(error, Busy):
        return _body(request, 429, error.code, str(error))
    if isinstance(error, QueueUnavailable | AggregationDisabled):
        return _body(request, 503, error.code, str(error), session=session_id_of(error))
    if isinstance(error, SamplesRejected):
        errors = [
            {"attr": f"{one.index}.{one.attr}".rstrip("."), "code": one.code, "detail": one.detail}
            for one in error.errors
        ]
        detail = str(error)
        if error.total > len(errors):
            detail += " " + _("The first %(count)d are listed.") % {"count": len(errors)}
        return _body(request, 400, error.code, detail, errors)
    return None


def _known(error: Exception) -> APIException | None:
    """The error as one of DRF's; None for what nobody expected, the end of a whole run included."""
    if isinstance(error, APIException):
        return error
    if isinstance(error, DjangoValidationError):
        return ValidationError(get_error_detail(error))
    if session_id_of(error) is not None:
        return None
    return next((kind() for raised, kind in TRANSLATED if isinstance(error, raised)), None)


def _unexpected(request: Request, error: Exception) -> dict[str, Any]:
    if timed_out(error) and request.method in ("GET", "HEAD"):
        log.warning("api.too_slow", path=request.path)
        return _body(request, 503, "too_slow", too_slow())
    log.error("api.unexpected_error", path=request.path, exc_info=error)
    status = 503 if classify(error) is Fault.TRANSIENT else 500
    session = session_id_of(error)
    if session is not None:
        detail = _("The run failed as a whole; its session says why.")
        return _body(request, status, "aggregation_failed", detail, session=session)
    if status == 503:
        detail = _("The database does not answer at the moment; try again in a minute.")
        return _body(request, status, "database_unavailable", detail)
    return _body(request, status, "internal_error", _internal_error())


def _internal_error() -> str:
    return _("Something went wrong here. Tell the operator the request id: the log has the details.")


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


def _body(
    request: Request | HttpRequest,
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    session: uuid.UUID | None = None,
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": f"urn:whalefall:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _writable(detail),
        "code": code,
        "errors": [{name: _writable(text) for name, text in one.items()} for one in errors or ()],
        "request_id": getattr(request, "request_id", ""),
    }
    if session is not None:
        url = reverse("sync-session-detail", kwargs={"session_id": session})
        body["session"] = {"session_id": str(session), "url": request.build_absolute_uri(url)}
    return body


def _writable(text: str) -> str:
    """Without lone surrogates: JSON may bring them in as a key or value, and UTF-8 cannot give them back."""
    return text.encode("utf-8", "backslashreplace").decode()

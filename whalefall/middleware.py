"""The outermost layer of every request: its id, and problem details for what fails before the API is reached."""

import json
import re
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from .api_errors import PROBLEM, plain_problem

SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestId:
    """An id for each request: the client's X-Request-ID if it is a sane one. On every log line and the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request.request_id = given if SANE.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        # Until the next request of this thread: Django writes a line after the last middleware.
        structlog.contextvars.bind_contextvars(request_id=request.request_id)  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response


class ApiProblems:
    """Turns Django's own error pages below /api/ into problem details: a wrong host, a middleware that failed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        below_api = request.path == "/api" or request.path.startswith("/api/")
        if below_api and response.status_code >= 400 and response.get("Content-Type") != PROBLEM:
            # In place, so that it keeps the headers of the layers inside.
            assert isinstance(response, HttpResponse)
            response.content = json.dumps(plain_problem(request, response.status_code), ensure_ascii=False).encode()
            response["Content-Type"] = PROBLEM
            response["Content-Length"] = str(len(response.content))
        return response

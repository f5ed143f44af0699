import re
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponseBase

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

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from whalefall.api_errors import PROBLEM, plain_problem


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

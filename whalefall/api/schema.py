"""The OpenAPI schema: what all operations have in common."""

import re
from typing import Any

from django.utils.translation import gettext_lazy
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.views import APIView

from sync_sessions.common.api.asynchronous import RESPOND_ASYNC
from whalefall.api_errors import PROBLEM

#: {status: when}; which operations have it is in `problems_of`
PROBLEMS = {
    400: gettext_lazy("The request is not valid; `errors` says where."),
    401: gettext_lazy("No token and no login, or one that is not valid."),
    403: gettext_lazy("The permission is missing, or the CSRF token of a login."),
    404: gettext_lazy("There is no such thing, or no such page."),
    406: gettext_lazy("Nothing that the client accepts."),
    409: gettext_lazy("It does not go with what is stored or running; `session` is the other one, if there is one."),
    411: gettext_lazy("The body was sent in chunks, without its length."),
    413: gettext_lazy("The body is too large."),
    415: gettext_lazy("The body is not JSON."),
    429: gettext_lazy("Too many requests; `Retry-After` says for how many seconds."),
    500: gettext_lazy("The run failed as a whole, and `session` says why; or something unexpected happened."),
    503: gettext_lazy(
        "No answer from the database or the broker (see `Retry-After`), or aggregation is switched off."
    ),
}
#: Where an address begins, and its heading; the first that fits counts.
TAGS = (
    ("/api/v1/instances", "Instances", gettext_lazy("The inventory of database servers.")),
    ("/api/v1/capacity/samples", "Samples", gettext_lazy("Sizes measured at a moment: read them, push them.")),
    (
        ("/api/v1/capacity/aggregations/databases", "/api/v1/capacity/aggregations/instances"),
        "Period rows",
        gettext_lazy("Days, weeks, months and quarters, per database and per instance."),
    ),
    ("/api/v1/capacity/aggregations", "Runs", gettext_lazy("Start the computation of periods.")),
    (
        ("/api/v1/sync-sessions", "/api/v1/sync-records"),
        "Sessions",
        gettext_lazy("The log of runs: what each instance did, cancel, retry."),
    ),
)


TITLES = {
    "list": gettext_lazy("List %(named)s"),
    "retrieve": gettext_lazy("Read one %(named)s"),
    "create": gettext_lazy("Add %(named)s"),
    "update": gettext_lazy("Replace one %(named)s"),
    "partial_update": gettext_lazy("Change one %(named)s"),
    "destroy": gettext_lazy("Delete one %(named)s"),
}


class ProblemItemSerializer(serializers.Serializer[Any]):
    attr = serializers.CharField(help_text=gettext_lazy('The field, such as "3.size_bytes"; "" for the whole.'))
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSessionSerializer(serializers.Serializer[Any]):
    session_id = serializers.UUIDField()
    url = serializers.URLField()


@extend_schema_serializer(component_name="Problem")
class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text=gettext_lazy("A sentence for people."))
    code = serializers.CharField(help_text=gettext_lazy("A word for programs."))
    errors = ProblemItemSerializer(many=True)  # type: ignore[assignment]  # a field; the property stays
    request_id = serializers.CharField(help_text=gettext_lazy("Also in the header X-Request-ID and in the log."))
    session = ProblemSessionSerializer(required=False)


class ProductSchema(AutoSchema):
    """Adds to each operation the problems it may answer, so that no view has to."""

    def get_tags(self) -> list[str]:
        return next(([tag] for start, tag, _text in TAGS if self.path.startswith(start)), super().get_tags())

    def get_summary(self) -> str:
        """The beginning of what it does; of the usual actions of a thing, the verb and the thing's name."""
        action = getattr(self.view, "action", None) or ""
        # What is put together from several tables has no model.
        model = getattr(getattr(getattr(self.view, "serializer_class", None), "Meta", None), "model", None)
        if action not in TITLES or model is None:
            return re.split(r"[.:;,] ", " ".join(str(self.get_description()).split()))[0].rstrip(".")
        named = model._meta.verbose_name_plural if action == "list" else model._meta.verbose_name
        return TITLES[action] % {"named": named}

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            problem = self.resolve_serializer(ProblemSerializer, "response").ref
            for status in problems_of(operation, self.method, self.path, self.view):
                answer: dict[str, Any] = {"description": str(PROBLEMS[status])}
                answer["content"] = {PROBLEM: {"schema": problem}}
                if status in (429, 503):
                    answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
                operation["responses"].setdefault(str(status), answer)
            operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation


def problems_of(operation: dict[str, Any], method: str, path: str, view: Any) -> list[int]:
    """The statuses of the problems that this operation may answer."""
    writes = method != "GET"
    takes_body = method in ("POST", "PUT", "PATCH")
    parameters = {one["name"] for one in operation.get("parameters", ())}
    finds = "{" in path or "page" in parameters
    runs = RESPOND_ASYNC.name in parameters
    not_always = {
        404: finds,
        409: writes,
        411: takes_body,
        413: takes_body,
        415: takes_body,
        429: is_limited(view),
        500: runs,
    }
    return [status for status in PROBLEMS if not_always.get(status, True)]


def is_limited(view: Any) -> bool:
    """Whether a limit counts requests of this action, or the view has a way of its own to choose one."""
    names = ("get_throttles", "check_throttles")
    chooses = any(getattr(type(view), name) is not getattr(APIView, name) for name in names)
    return chooses or view.throttle_scope is not None


def name_tags(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: the headings with a sentence each, in their order."""
    used = {tag for path in result["paths"].values() for operation in path.values() for tag in operation["tags"]}
    result["tags"] = [{"name": tag, "description": str(text)} for _start, tag, text in TAGS if tag in used]
    return result

"""Instant and range queries of the API that Prometheus, Thanos, VictoriaMetrics and Mimir share."""

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from capacity.collection.sources.answers import MAX_REASON, CollectionError
from capacity.collection.web import Answer, request
from capacity.models import PrometheusAuth, PrometheusSource

MAX_ANSWER = 8 * 1024 * 1024  #: bytes; some 30,000 series of an instant query
#: Thanos and VictoriaMetrics answer with less while a store is down, and a sum of less is a size that shrank: they
#: are to refuse instead. Others take no notice.
WHOLE = {"partial_response": "false", "deny_partial_response": "1"}
#: What its error texts say when a query asks for too much at once; a shorter one may be answered.
TOO_MUCH = ("exceeded maximum resolution", "too many samples", "timed out", "timeout", "exceeds")


class TooMuch(CollectionError):
    """More than the server computes, or than is read, at once."""


@dataclass(frozen=True)
class Series:
    """Its labels, and its values by moment (Unix time), the values as they were written."""

    labels: Mapping[str, str]
    values: Sequence[tuple[float, str]]


class Answered(NamedTuple):
    series: Sequence[Series]
    samples: int  #: that the server had to look at; 0 when it does not tell


class PrometheusClient:
    """Of one source. Every query is over within `seconds`, whatever the server does.

    Raises CollectionError, WebError, AddressRefused, HostRefused, HostUnknown, FieldKeyError.
    """

    def __init__(self, source: PrometheusSource, seconds: float) -> None:
        self.source = source
        self.seconds = seconds
        self.end = time.monotonic() + 10**9  #: when no further query is begun; callers with a budget set it

    def instant(self, query: str, at: float) -> Answered:
        return self._ask("query", {"query": query, "time": f"{at:.3f}"})

    def range(self, query: str, first: float, last: float, step: int) -> Answered:
        return self._ask("query_range", {"query": query, "start": f"{first:.0f}", "end": f"{last:.0f}", "step": step})

    def _ask(self, what: str, arguments: dict[str, Any]) -> Answered:
        seconds = min(self.seconds, self.end - time.monotonic())
        if seconds <= 0:
            raise CollectionError("timeout", _("%(source)s was not read within its time.") % {"source": self.source})
        fields = urlencode({**arguments, **WHOLE, "timeout": f"{max(1, int(seconds))}s", "stats": "true"})
        try:
            answer = request(
                "POST",
                f"{self.source.url.rstrip('/')}/api/v1/{what}",
                body=fields.encode(),
                headers=self._headers(),
                ca=self.source.tls_ca,
                timeout=seconds,
                limit=MAX_ANSWER,
                deadline=seconds,
            )
        except ValueError:  # a line break within a token
            text = _("The login of %(source)s has characters in it that cannot be sent: set it anew.")
            raise CollectionError("wrong_password", text % {"source": self.source}) from None
        return self._series(answer)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self.source.auth == PrometheusAuth.BASIC:
            login = f"{self.source.username}:{self.source.secret}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        elif self.source.auth == PrometheusAuth.BEARER:
            # As bytes of UTF-8, which headers carry as Latin-1.
            headers["Authorization"] = f"Bearer {self.source.secret.strip()}".encode().decode("latin-1")
        if self.source.tenant:
            headers[self.source.tenant_header or "X-Scope-OrgID"] = self.source.tenant
        return headers

    def _series(self, answer: Answer) -> Answered:
        if len(answer.body) >= MAX_ANSWER:
            raise TooMuch(
                "answer_too_long",
                _("%(source)s answers with more than %(limit)d MiB: narrow the query, or sum up in it.")
                % {"source": self.source, "limit": MAX_ANSWER >> 20},
            )
        try:
            said = answer.json()
            if answer.status != 200 or said["status"] != "success":
                raise self._refusal(answer.status, said)
            if said.get("isPartial"):
                raise CollectionError(
                    "prometheus_query",
                    _("%(source)s has a part of its data only, a store of it is down: nothing was taken from it.")
                    % {"source": self.source},
                )
            data = said["data"]
            if data["resultType"] not in ("vector", "matrix"):
                raise CollectionError(
                    "prometheus_query",
                    _("The query gives no series but a %(kind)s.") % {"kind": self._words(data["resultType"])},
                )
            series = [
                Series(
                    {str(name): str(value) for name, value in one["metric"].items()},
                    [(float(at), str(value)) for at, value in one.get("values") or [one["value"]]],
                )
                for one in data["result"]
            ]
            stats = data.get("stats") or {}
            return Answered(series, int((stats.get("samples") or {}).get("totalQueryableSamples", 0)))
        except (LookupError, TypeError, ValueError, OverflowError, AttributeError, RecursionError):
            raise CollectionError(
                "connection_failed",
                _(
                    "%(source)s does not answer like a Prometheus (HTTP %(status)d): is the address right, with the "
                    "path before /api/v1?"
                )
                % {"source": self.source, "status": answer.status},
            ) from None

    def _refusal(self, status: int, said: Any) -> CollectionError:
        """Why there is no result, as a sentence. Raises TypeError or LookupError for what is no answer of the API."""
        if status in (401, 403):
            return CollectionError(
                "wrong_password",
                _("%(source)s lets nobody in with this login (HTTP %(status)d): check user, password or token.")
                % {"source": self.source, "status": status},
            )
        if 300 <= status < 400:
            return CollectionError(
                "connection_failed",
                _("%(source)s sends on to another address (HTTP %(status)d): give that one.")
                % {"source": self.source, "status": status},
            )
        kind, words = said["errorType"], self._words(said["error"])
        if any(part in words for part in TOO_MUCH):
            return TooMuch(
                "prometheus_limit",
                _("%(source)s does not compute that much at once: %(reason)s")
                % {"source": self.source, "reason": words},
            )
        if kind == "bad_data":
            return CollectionError(
                "prometheus_query",
                _("%(source)s does not understand the query: %(reason)s") % {"source": self.source, "reason": words},
            )
        return CollectionError(
            "prometheus_query",
            _("%(source)s cannot answer the query: %(reason)s") % {"source": self.source, "reason": words},
        )

    def _words(self, text: Any) -> str:
        """What the server said, as one line of printable text without the secret."""
        line = " ".join(str(text)[: 10 * MAX_REASON].split())
        if secret := self.source.secret:
            line = line.replace(secret, "****")
        return "".join(c for c in line if c.isprintable())[:MAX_REASON]

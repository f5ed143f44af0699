import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

MOST_LEVELS = 32  #: of lists and objects in one another; no endpoint takes more than a few
MOST_DIGITS = 40  #: of a whole number; more than any size has


class BodyTooLarge(APIException):
    status_code = 413
    default_detail = gettext_lazy("The body is too large: send less at once.")
    default_code = "body_too_large"


class BoundedJSONParser(JSONParser):
    """JSON by RFC 8259: UTF-8, no NaN, no key twice; of bounded size and depth, and no number that is none."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value. ParseError with a sentence for what is no such JSON, BodyTooLarge for too much of it."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        # Not by Content-Length, which may say anything.
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise BodyTooLarge
        try:
            value = json.loads(
                raw.decode(),
                object_pairs_hook=_object,
                parse_int=_whole,
                parse_float=_finite,
                parse_constant=_no_constant,
            )
        except UnicodeDecodeError:
            raise ParseError(_("The body is not in UTF-8.")) from None
        except json.JSONDecodeError as error:
            text = _("The body is no JSON: %(why)s in line %(line)d, column %(column)d.")
            where = {"why": error.msg, "line": error.lineno, "column": error.colno}
            raise ParseError(text % where) from None
        except RecursionError:
            raise _too_deep() from None
        if _depth(value) > MOST_LEVELS:
            raise _too_deep()
        return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        [(twice, _times)] = Counter(name for name, _value in pairs).most_common(1)
        raise ParseError(_("The key %(name)s stands twice in one object.") % {"name": json.dumps(twice[:100])})
    return value


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ParseError(_("A number is longer than %(most)d digits.") % {"most": MOST_DIGITS})
    return int(digits)


def _finite(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ParseError(_("The number %(digits)s is too large.") % {"digits": digits[:MOST_DIGITS]})
    return value


def _no_constant(name: str) -> Any:
    raise ParseError(_("%(name)s is no number in JSON.") % {"name": name})


def _depth(value: Any) -> int:
    """How many lists and objects stand in one another; level by level, as recursion has its own limit."""
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
        depth += 1
        if depth > MOST_LEVELS:
            break
    return depth


def _too_deep() -> ParseError:
    return ParseError(_("The JSON is nested too deeply."))

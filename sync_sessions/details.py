"""`details` and `sync_details` as lines that people can read. What a key means is told by the app that writes it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.formats import localize
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sync_sessions.common.words import days_text, listed

from .choices import RecordStatus, Scope
from .kinds import all_kinds
from .reasons import translated


@dataclass(frozen=True)
class Line:
    """A label with a text, or with lines of its own."""

    label: str
    text: str = ""
    lines: tuple["Line", ...] = ()


def choice(labels: Mapping[Any, Any]) -> Callable[[Any], str]:
    """A format: the label of a stored word."""
    return lambda value: str(labels[value])


def day(value: Any) -> str:
    """A format: a stored day, or the midnight at which it begins."""
    return span([value])


def span(value: Any) -> str:
    """A format: the first and the last of some days, both inclusive."""
    first, last = (date.fromisoformat(value[end][:10]) for end in (0, -1))
    return days_text(first, last)


HIDDEN = {"version"}
_LABELS: dict[str, str | Promise] = {
    "scope": gettext_lazy("scope"),
    "status": gettext_lazy("status"),
    "message": gettext_lazy("reason"),
    "error": gettext_lazy("error"),
    "errors": gettext_lazy("errors"),
}
_FORMATS: dict[str, Callable[[Any], str]] = {
    "scope": choice(dict(Scope.choices)),
    "status": choice({**dict(RecordStatus.choices), "unknown": gettext_lazy("Unknown")}),
    "message": translated,
    "error": translated,
}


def words() -> Iterator[tuple[str, list[tuple[str, str | Promise]]]]:
    """(key, choices) of the details that have one of a few words. Ask when all apps are ready."""
    for kind in all_kinds():
        for key, labels in kind.words.items():
            yield key, list(labels.items())


def _labels() -> dict[str, str | Promise]:
    return {**_LABELS, **{key: label for kind in all_kinds() for key, label in kind.labels.items()}}


def _format(key: str) -> Callable[[Any], str]:
    tables = (_FORMATS, *(kind.formats for kind in all_kinds()))
    return next(table[key] for table in tables if key in table)


def readable(details: Mapping[str, Any]) -> tuple[Line, ...]:
    """A line per key that has a value: the registered ones in that order, then the others, called by their names.

    Not as stored, as PostgreSQL puts the keys of a JSON document in an order of its own.
    """
    labels = _labels()
    known = [key for key in labels if key in details]
    others = sorted(key for key in details if key not in labels and key not in HIDDEN)
    found = (_line(_label(key), key, details[key]) for key in (*known, *others))
    return tuple(line for line in found if line.text or line.lines)


def format_value(key: str, value: Any) -> str:
    """One value as the format of its key has it; what another version stored is shown as it is."""
    if value in (None, "", [], {}):
        return ""
    try:
        return _format(key)(value)
    except (KeyError, StopIteration, TypeError, ValueError):
        return _plain(value)


def _line(label: str, key: str, value: Any) -> Line:
    if isinstance(value, Mapping):
        return Line(label, lines=readable(value))
    if isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        return Line(label, lines=tuple(_line(str(number), key, one) for number, one in enumerate(value, 1)))
    return Line(label, format_value(key, value))


def _label(key: str) -> str:
    return capfirst(str(_labels().get(key, key.replace("_", " "))))


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return listed(map(_plain, value))
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return str(localize(value))

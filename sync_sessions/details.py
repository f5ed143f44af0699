"""`details` and `sync_details` as lines that people can read. What a key means is told by the app that writes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.formats import date_format, localize
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sync_sessions.common.words import days_text, listed

from .choices import RecordStatus, Scope
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
    return date_format(date.fromisoformat(value[:10]))


def span(value: Any) -> str:
    """A format: the first and the last of some days, both inclusive."""
    first, last = (date.fromisoformat(value[end][:10]) for end in (0, -1))
    return days_text(first, last)


HIDDEN = {"version"}
_labels: dict[str, str | Promise] = {
    "scope": gettext_lazy("scope"),
    "status": gettext_lazy("status"),
    "message": gettext_lazy("reason"),
    "error": gettext_lazy("error"),
    "errors": gettext_lazy("errors"),
}
_formats: dict[str, Callable[[Any], str]] = {
    "scope": choice(dict(Scope.choices)),
    "status": choice({**dict(RecordStatus.choices), "unknown": gettext_lazy("Unknown")}),
    "message": translated,
    "error": translated,
    "period_start": day,
    "period_end": day,
    "window": span,
    "previous_window": span,
}
#: {key: {stored word: its label}}
_words: dict[str, Mapping[str, str | Promise]] = {}


def register_details(
    labels: Mapping[str, str | Promise], formats: Mapping[str, Callable[[Any], str]] | None = None
) -> None:
    """For the AppConfig of an app that writes details: what its keys are called, and how their values read.

    A format gets the stored JSON value; it may raise KeyError, TypeError or ValueError for one that it does
    not know.
    """
    _labels.update(labels)
    _formats.update(formats or {})


def register_words(key: str, words: Mapping[str, str | Promise]) -> None:
    """For the AppConfig of an app that writes one of a few words under a key: {word: label}, for filters."""
    _words[key] = words


def words_of(key: str) -> list[tuple[str, str | Promise]]:
    """Choices; none when nobody has registered any. Ask when all apps are ready."""
    return list(_words.get(key, {}).items())


def readable(details: Mapping[str, Any]) -> tuple[Line, ...]:
    """A line per key that has a value: the registered ones in that order, then the others, called by their names.

    Not as stored, as PostgreSQL puts the keys of a JSON document in an order of its own.
    """
    known = [key for key in _labels if key in details]
    others = sorted(key for key in details if key not in _labels and key not in HIDDEN)
    found = (_line(_label(key), key, details[key]) for key in (*known, *others))
    return tuple(line for line in found if line.text or line.lines)


def format_value(key: str, value: Any) -> str:
    """One value as the format of its key has it; what another version stored is shown as it is."""
    if value in (None, "", [], {}):
        return ""
    try:
        return _formats[key](value)
    except (KeyError, TypeError, ValueError):
        return _plain(value)


def _line(label: str, key: str, value: Any) -> Line:
    if isinstance(value, Mapping):
        return Line(label, lines=readable(value))
    if isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        return Line(label, lines=tuple(_line(str(number), key, one) for number, one in enumerate(value, 1)))
    return Line(label, format_value(key, value))


def _label(key: str) -> str:
    return capfirst(str(_labels.get(key, key.replace("_", " "))))


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return listed(map(_plain, value))
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return str(localize(value))

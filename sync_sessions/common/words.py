"""How texts are put together in the reader's language: its colons, brackets and commas are not those of others."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext


def told(label: Any, text: Any) -> str:
    """The label, then what is said of it."""
    return _("%(label)s: %(text)s") % {"label": label, "text": text}


def noted(text: Any, note: Any) -> str:
    """The text, with a note in brackets."""
    return _("%(text)s (%(note)s)") % {"text": text, "note": note}


def listed(words: Iterable[Any]) -> str:
    return pgettext("between the items of a list", ", ").join(map(str, words))


def any_of(words: Iterable[Any]) -> str:
    """Of what one is enough, such as the tags of a filter."""
    return pgettext("between the items of a list, one of which is enough", " or ").join(map(str, words))


def days_text(first: date, last: date, *, unbroken: bool = False) -> str:
    """One day, or the first and the last, in the reader's format. `unbroken`: no line ends within a date."""
    days = dict.fromkeys(date_format(day) for day in (first, last))
    return " – ".join(day.replace(" ", "\u00a0") if unbroken else day for day in days)

"""How a cell of an inventory file becomes the value of a field.

A parser takes the text and the value that the field has, and raises ValidationError.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from capacity.models import DbType, TlsMode
from capacity.models.fields import validate_text

from .csv_cells import shown
from .hosts import check_name
from .validation import clean_text

YES_NO = {**dict.fromkeys(("true", "yes", "1"), True), **dict.fromkeys(("false", "no", "0"), False)}


def _choice(values: Sequence[str]) -> Callable[[str, str], str]:
    def parse(text: str, before: str) -> str:
        if not text:
            return before
        if text.lower() not in values:
            raise ValidationError(
                _("%(value)s is none of %(allowed)s.") % {"value": shown(text), "allowed": ", ".join(values)}
            )
        return text.lower()

    return parse


def _host(text: str, before: str) -> str:
    if text:
        check_name(text)
    return text


def _port(text: str, before: int | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535):
        raise ValidationError(_("%(value)s is no port from 1 to 65535.") % {"value": shown(text)})
    return int(text)


def _line_of_text(text: str, before: str) -> str:
    return clean_text(text)


def _description(text: str, before: str) -> str:
    validate_text(text)
    return text


def _yes_no(text: str, before: bool) -> bool:
    if not text:
        return before
    if text.lower() not in YES_NO:
        raise ValidationError(_("%(value)s is neither yes nor no.") % {"value": shown(text)})
    return YES_NO[text.lower()]


PARSERS: Mapping[str, Callable[[str, Any], Any]] = {
    "db_type": _choice(DbType.values),
    "host": _host,
    "port": _port,
    "database_name": _line_of_text,
    "username": _line_of_text,
    "tls_mode": _choice(TlsMode.values),
    "description": _description,
    "is_active": _yes_no,
}

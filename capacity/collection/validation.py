"""What a sample may look like. Pure Python, no database: the same rules for every door."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from capacity.errors import InputError

from .samples import BadItem, Sample, SampleError

MAX_BYTES = 2**63 - 1
MAX_NAME = 255
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(minutes=5)

# Control characters, line separators, marks and overrides of the writing direction, lone surrogates.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

#: Why a value is refused: a code for machines and a sentence for people. None: it is good.
Problem = tuple[str, str] | None


def name_problem(name: Any) -> Problem:
    """What is wrong with the name of an instance or database, as (code, sentence); None if nothing is."""
    if not isinstance(name, str):
        return "not_a_text", _("The name must be a text.")
    if len(name) > MAX_NAME:
        return "too_long", _("The name has more than %(limit)d characters.") % {"limit": MAX_NAME}
    if not name.strip():
        return "blank", _("The name is empty.")
    if bad := _FORBIDDEN.search(name):
        text = _("The name has a character that cannot be shown, U+%(code)04X: remove it.")
        return "control_character", text % {"code": ord(bad[0])}
    return None


class InvalidName(InputError):
    code = "invalid_name"


def check_name(name: str) -> None:
    """Of an instance: raises InvalidName for a name that no sample could have."""
    if problem := name_problem(name):
        raise InvalidName(problem[1])


def clean_text(text: str) -> str:
    """Gives a text of one line that may be empty: a user name, a database. Raises InvalidName as `check_name` does."""
    if text:
        check_name(text)
    return text


def size_problem(size: Any) -> Problem:
    # bool is an int to Python, and a float may have lost its last digits on the way.
    if not isinstance(size, int) or isinstance(size, bool):
        return "not_a_whole_number", _("The size must be a whole number of bytes.")
    if not 0 <= size <= MAX_BYTES:
        return "out_of_range", _("The size must be from 0 to %(limit)d bytes.") % {"limit": MAX_BYTES}
    return None


def moment_problem(moment: Any, now: datetime) -> Problem:
    if not isinstance(moment, datetime):
        return "not_a_time", _("The time must be a date and time with an offset, such as 2025-01-31T03:00:00+08:00.")
    if moment.utcoffset() is None:
        return "naive_time", _("The time has no offset: add one, such as +08:00 or Z.")
    if moment < EARLIEST:
        return "too_old", _("The time is before %(year)d.") % {"year": EARLIEST.year}
    if moment > now + CLOCK_SKEW:
        text = _("The time is more than %(minutes)d minutes in the future: check the clocks.")
        return "in_future", text % {"minutes": CLOCK_SKEW.seconds // 60}
    return None


def item_errors(
    index: int, item: Sample | BadItem, *, exists: Callable[[int], bool], now: datetime
) -> list[SampleError]:
    """Every error of one item, those that its door has found included; [] when it is good.

    `exists` tells which ids are those of instances.
    """
    if not isinstance(item, BadItem):
        return _sample_errors(index, item, exists, now)
    if item.sample is None:
        return list(item.errors)
    found = {error.attr for error in item.errors}
    others = _sample_errors(index, item.sample, exists, now)
    return [*item.errors, *(error for error in others if error.attr not in found)]


def _sample_errors(index: int, sample: Sample, exists: Callable[[int], bool], now: datetime) -> list[SampleError]:
    problems: list[tuple[str, Problem]] = [
        ("database_name", name_problem(sample.database_name)),
        ("collected_at", moment_problem(sample.collected_at, now)),
        ("size_bytes", size_problem(sample.size_bytes)),
    ]
    if type(sample.instance_id) is not int or not exists(sample.instance_id):
        problems.append(("instance_id", ("unknown_instance", _("There is no such instance: create it first."))))
    if sample.data_size_bytes is not None:
        problems.append(("data_size_bytes", size_problem(sample.data_size_bytes)))
    if sample.log_size_bytes is not None:
        problems.append(("log_size_bytes", size_problem(sample.log_size_bytes)))
    return [SampleError(index, attr, *problem) for attr, problem in problems if problem]

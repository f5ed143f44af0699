"""What a sample may look like. Pure Python, no database: the same rules for every door."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from capacity.errors import InputError

from .samples import BadItem, Sample, SampleError

MAX_BYTES = 2**63 - 1
MAX_NAME = 255
MOST_COMPOSED = 4  #: characters that become one: a Greek letter with three marks
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(minutes=5)
MAX_KNOWN = 50_000  # names, and moments, of which it is remembered that they are good

# What nobody sees: two names with and without it look the same. Control and format characters (zero-width ones, the
# soft hyphen, overrides of the writing direction, tags), variation selectors, fillers, line separators, lone
# surrogates and noncharacters.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)

#: Why a value is refused: a code for machines and a sentence for people. None: it is good.
Problem = tuple[str, str] | None


def normal_name(name: str) -> str:
    """The name in Unicode's composed form (NFC): an accent typed on a Mac is the one typed elsewhere.

    One that is too long in any form stays as it is: of marks out of order, composing takes the square of their number.
    """
    return name if name.isascii() or len(name) > MOST_COMPOSED * MAX_NAME else unicodedata.normalize("NFC", name)


def name_problem(name: Any) -> Problem:
    """What is wrong with the name of an instance or database, as (code, sentence); None if nothing is."""
    if not isinstance(name, str):
        return "not_a_text", _("The name must be a text.")
    # Its normal form, which is what is stored, may be shorter, and in a few scripts is longer.
    if len(normal_name(name)) > MAX_NAME:
        return "too_long", _("The name has more than %(limit)d characters.") % {"limit": MAX_NAME}
    if not name.strip():
        return "blank", _("The name is empty.")
    if bad := _INVISIBLE.search(name):
        text = _("The name has a character that cannot be shown, U+%(code)04X: remove it.")
        return "control_character", text % {"code": ord(bad[0])}
    return None


class InvalidName(InputError):
    code = "invalid_name"


def clean_name(name: str) -> str:
    """The name of an instance in its normal form; raises InvalidName for one that no sample could have."""
    if problem := name_problem(name):
        raise InvalidName(problem[1])
    return normal_name(name)


def clean_text(text: str) -> str:
    """Gives a text of one line that may be empty: a user name, a database. Raises InvalidName as `clean_name` does."""
    if text:
        clean_name(text)
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


class Checks:
    """The rules for the items of one batch. `exists` tells which ids are those of instances."""

    def __init__(self, now: datetime, exists: Callable[[int], bool]) -> None:
        self._now = now
        self._exists = exists
        #: What was checked already: few names and moments, and each of them often.
        self._names: dict[str, str] = {}
        self._moments: dict[tuple[datetime, int], tuple[date, datetime]] = {}

    def passes(self, item: Sample | BadItem) -> tuple[str, tuple[date, datetime]] | None:
        """When an item is good, its instance aside: the name in its normal form; the day in the product's zone and
        the moment.

        A short cut: what does not pass is looked at closely, by `errors`.
        """
        if isinstance(item, BadItem):
            return None
        instance_id, database_name, at, size, data, log = item
        if type(instance_id) is not int or abs(instance_id) > MAX_BYTES:
            return None
        if not (_is_size(size) and (data is None or _is_size(data)) and (log is None or _is_size(log))):
            return None
        try:
            name = self._names.get(database_name) or self._normal(database_name)
            # With its fold: the two half past ones of an October night are equal to Python.
            moment = self._moments.get((at, at.fold)) or self._local(at)
        except (TypeError, AttributeError):  # cannot be a key or is no time, so it is neither
            return None
        return (name, moment) if name and moment else None

    def _normal(self, name: Any) -> str:
        if name_problem(name):
            return ""
        if len(self._names) >= MAX_KNOWN:
            self._names.clear()
        return self._names.setdefault(name, normal_name(name))

    def _local(self, moment: Any) -> tuple[date, datetime] | None:
        if moment_problem(moment, self._now):
            return None
        if len(self._moments) >= MAX_KNOWN:
            self._moments.clear()
        day = moment.astimezone(timezone.get_default_timezone()).date()
        # In UTC no two moments are equal, and PostgreSQL knows no offset beyond 15:59.
        return self._moments.setdefault((moment, moment.fold), (day, moment.astimezone(UTC)))

    def errors(self, index: int, item: "Sample | BadItem") -> list[SampleError]:
        """Every error of one item, those that its door has found included; [] when it is good."""
        if not isinstance(item, BadItem):
            return self._of_sample(index, item)
        if item.sample is None:
            return list(item.errors)
        found = {error.attr for error in item.errors}
        return [*item.errors, *(error for error in self._of_sample(index, item.sample) if error.attr not in found)]

    def _of_sample(self, index: int, sample: "Sample") -> list[SampleError]:
        problems: list[tuple[str, Problem]] = [
            ("database_name", name_problem(sample.database_name)),
            ("collected_at", moment_problem(sample.collected_at, self._now)),
            ("size_bytes", size_problem(sample.size_bytes)),
        ]
        if type(sample.instance_id) is not int or not self._exists(sample.instance_id):
            problems.append(("instance_id", _no_such_instance()))
        if sample.data_size_bytes is not None:
            problems.append(("data_size_bytes", size_problem(sample.data_size_bytes)))
        if sample.log_size_bytes is not None:
            problems.append(("log_size_bytes", size_problem(sample.log_size_bytes)))
        return [SampleError(index, attr, *problem) for attr, problem in problems if problem]


def _is_size(size: Any) -> bool:
    # The type first, as most are of it.
    return (type(size) is int or (isinstance(size, int) and not isinstance(size, bool))) and 0 <= size <= MAX_BYTES


def _no_such_instance() -> tuple[str, str]:
    return "unknown_instance", _("There is no such instance: create it first.")


def unknown_instance(index: int) -> SampleError:
    return SampleError(index, "instance_id", *_no_such_instance())

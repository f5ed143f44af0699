"""The kinds of rules: what each is about, and which thresholds it has, in the units of people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from capacity.models import AlertLevel, RuleKind

GIB = 2**30

#: Of the rules that come with the database: stored in English, and shown in the reader's language; who renames one
#: has named it.
NAMES = (
    gettext_noop("Not collected for 2 days"),
    gettext_noop("Scheduled run failed"),
    gettext_noop("Instance failed 3 times running"),
    gettext_noop("Schedule missed"),
    gettext_noop("Database jumped"),
    gettext_noop("Database dropped"),
    # xgettext:no-python-format
    gettext_noop("Database grew by 20 % in a week"),
    gettext_noop("Database full within 30 days"),
    gettext_noop("Database full within 7 days"),
    gettext_noop("Volume full within 30 days"),
    gettext_noop("Instance full within 30 days"),
    # xgettext:no-python-format
    gettext_noop("Database at 90 % of its limit"),
    # xgettext:no-python-format
    gettext_noop("Volume at 90 % of its limit"),
    # xgettext:no-python-format
    gettext_noop("Instance at 90 % of its limit"),
)


@dataclass(frozen=True)
class Threshold:
    """One number of a rule. People type it in `unit`; it is stored times `factor`."""

    label: Promise | str
    unit: Promise | str
    default: int
    low: int = 0
    high: int = 1_000_000
    factor: int = 1
    choices: tuple[int, ...] = ()


def _percent(label: Promise | str, default: int) -> Threshold:
    return Threshold(label, "%", default, high=100_000)


def _size(label: Promise | str, default: int, low: int = 0) -> Threshold:
    return Threshold(label, "GiB", default, low, high=2**33 - 1, factor=GIB)


@dataclass(frozen=True)
class Kind:
    levels: tuple[str, ...]
    thresholds: Mapping[str, Threshold]
    #: An event is of one day: it is told once, ends by itself, and nobody is told that it is over.
    is_event: bool = False


BOTH = (AlertLevel.DATABASE.value, AlertLevel.INSTANCE.value)
ALL = (*BOTH, AlertLevel.VOLUME.value, AlertLevel.FLEET.value)
DAYS = _("days")

KINDS: Mapping[str, Kind] = {
    RuleKind.DAYS_UNTIL_FULL: Kind(ALL, {"days": Threshold(_("Full within"), DAYS, 30, 1, 730)}),
    RuleKind.LIMIT_PERCENT: Kind(ALL, {"percent": Threshold(_("At least this much of the limit"), "%", 80, 1, 1000)}),
    RuleKind.SIZE_OVER: Kind(BOTH, {"bytes": _size(_("At least"), 1024, low=1)}),
    RuleKind.GROWTH: Kind(
        BOTH,
        {
            "days": Threshold(_("Within"), DAYS, 7, 7, 30, choices=(7, 30)),
            "percent": _percent(_("Grown by at least"), 20),
            "bytes": _size(_("and by at least"), 10),
        },
    ),
    RuleKind.JUMP: Kind(
        BOTH,
        {
            "percent": _percent(_("Jumped by at least"), 5),
            "bytes": _size(_("and by at least"), 1),
        },
        is_event=True,
    ),
    RuleKind.DROP: Kind(
        BOTH,
        {
            "percent": _percent(_("Dropped by at least"), 5),
            "bytes": _size(_("and by at least"), 1),
        },
        is_event=True,
    ),
    RuleKind.NOT_COLLECTED: Kind(
        (AlertLevel.INSTANCE.value,), {"days": Threshold(_("Without a sample for"), DAYS, 2, 1, 365)}
    ),
    RuleKind.RUN_FAILED: Kind(
        (AlertLevel.INSTANCE.value, AlertLevel.FLEET.value),
        {"times": Threshold(_("Failed this many times running"), _("times"), 1, 1, 30)},
    ),
    RuleKind.SCHEDULE_MISSED: Kind((AlertLevel.FLEET.value,), {}),
}


def threshold(rule: Any, name: str) -> int:
    """A rule's number as it is computed with: bytes, percent, days; the default where the rule has none."""
    one = KINDS[rule.kind].thresholds[name]
    return int(rule.threshold.get(name, one.default * one.factor))

"""What callers name: a scope, and which periods."""

from collections.abc import Iterable
from datetime import date
from enum import Enum
from typing import Any

from django.utils.translation import gettext as _

from capacity.errors import ScopeError
from capacity.periods import Period, PeriodConfig
from sync_sessions.choices import Scope


def parse_scope(value: Any) -> str:
    """The scope that a caller means: None and blank are all, case does not matter. ScopeError for the rest."""
    if value is None:
        return Scope.ALL.value
    if isinstance(value, str):
        word = value.strip().lower() or Scope.ALL.value
        if word in Scope.values:
            return word
    raise ScopeError(_("scope must be one of instance, database, all"))


class Which(Enum):
    DEFAULT = "default"  #: the current day; of longer periods the last complete one
    CURRENT = "current"  #: the ones that contain today
    LAST = "last"  #: the last complete ones


def plan_periods(configs: Iterable[PeriodConfig], which: Which, today: date) -> list[Period]:
    """One period of each of these types, in their order: the one that `which` means on the day `today`. Pure."""
    choose = {Which.DEFAULT: Period.by_default, Which.CURRENT: Period.containing, Which.LAST: Period.last_complete}
    return [choose[which](config.key, today) for config in configs]


def plan_range(configs: Iterable[PeriodConfig], first: date, last: date) -> list[Period]:
    """Every period of these types that lies wholly inside first..last (inclusive), oldest first per type. Pure.

    PeriodError for a range that is empty or outside the calendar.
    """
    return [period for config in configs for period in Period.within(config.key, first, last)]

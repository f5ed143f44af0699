"""What in the fleet wants to be looked at. Each function is one query, however many instances."""

from datetime import date
from decimal import Decimal
from functools import reduce
from itertools import starmap
from operator import or_
from typing import NamedTuple

from django.db.models import F, Q
from django.db.models.functions import Abs, Left

from capacity.models import InstanceSizeAggregation
from capacity.periods import PERIOD_CONFIG, Period
from capacity.runs import kinds
from sync_sessions.models import SyncInstanceRecord

#: A period's average that differs from the one before by more than this wants to be looked at.
JUMP_PERCENT = Decimal(30)
REASON_LENGTH = 200  #: of an error's text, which may have 4,000 characters


class Failure(NamedTuple):
    instance: int
    name: str
    session: int
    category: str  #: of run: a collection or an aggregation
    code: str  #: of the error, "" if it has none
    reason: str


def failures() -> list[Failure]:
    """Which active instances failed in their own last run of a kind, by name, whatever other instances did since."""
    columns = ("instance_id", "instance__name", "session_id", "sync_category", "error_code")
    reason = Left("error_message", REASON_LENGTH)
    failed = kinds.last_failures(SyncInstanceRecord.objects.all()).order_by("instance__name", "pk")
    return list(starmap(Failure, failed.values_list(*columns, reason)))


class Jump(NamedTuple):
    instance: int
    name: str
    row: int
    period_type: str
    percent: Decimal


def jumps(day: date) -> list[Jump]:
    """Active instances whose average in the last complete period of a type is over JUMP_PERCENT away from the one
    before, up or down; the largest first."""
    last = [Period.last_complete(config.key, day) for config in PERIOD_CONFIG]
    # Of each type one stretch of the unique key.
    rows = InstanceSizeAggregation.objects.filter(
        reduce(or_, (Q(period_type=one.type, period_start=one.start) for one in last)),
        Q(total_size_change_percent__gt=JUMP_PERCENT) | Q(total_size_change_percent__lt=-JUMP_PERCENT),
        instance__is_active=True,
    ).order_by(Abs(F("total_size_change_percent")).desc(), "instance__name", "period_type")
    columns = ("instance_id", "instance__name", "pk", "period_type", "total_size_change_percent")
    return list(starmap(Jump, rows.values_list(*columns)))

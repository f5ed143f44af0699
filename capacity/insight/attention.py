"""What in the fleet wants to be looked at. Each function is one query, however many instances."""

from collections.abc import Collection
from itertools import starmap
from typing import NamedTuple

from django.db.models.functions import Left

from capacity.runs import kinds
from sync_sessions.common.tags import of_tagged
from sync_sessions.models import SyncInstanceRecord

REASON_LENGTH = 200  #: of an error's text, which may have 4,000 characters


class Failure(NamedTuple):
    instance: int
    name: str
    session: int
    category: str  #: of run: a collection or an aggregation
    code: str  #: of the error, "" if it has none
    reason: str


def failures(tags: Collection[str] = ()) -> list[Failure]:
    """Which active instances (with one of these tags) failed in their own last run of a kind, by name, whatever other
    instances did since."""
    columns = ("instance_id", "instance__name", "session_id", "sync_category", "error_code")
    reason = Left("error_message", REASON_LENGTH)
    records = of_tagged(SyncInstanceRecord.objects.all(), tags, few_queries=True)
    failed = kinds.last_failures(records).order_by("instance__name", "pk")
    return list(starmap(Failure, failed.values_list(*columns, reason)))

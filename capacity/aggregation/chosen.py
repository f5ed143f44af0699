"""Periods that a person has chosen, of instances that they have chosen, one after another."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.contrib.auth import get_user_model

from capacity.inventory.selection import Selection
from capacity.periods import Period
from capacity.runs.spec import RunSpec
from capacity.runs.start import run_each
from sync_sessions.errors import SessionAlreadyRunning


def run_chosen(
    periods: Iterable[Iterable[str]], scope: str, selection: dict[str, Any], started_by: int, *, task_id: str = ""
) -> dict[str, Any]:
    """What a worker does with them: `{"runs": [RunOutcome.as_dict() each]}`, for logs. All arguments are of JSON.

    A period that others are at is busy, and left to them; raises what ends a whole run, after it is on its session.
    """
    chosen = Selection(**{name: None if keys is None else tuple(keys) for name, keys in selection.items()})
    user = get_user_model().objects.filter(pk=started_by).first()
    specs = [
        RunSpec.of_period(
            Period.containing(type, date.fromisoformat(day)), scope, chosen, created_by=user, task_id=task_id
        )
        for type, day in periods
    ]
    try:
        return {"runs": [one.as_dict() for one in run_each(specs)]}
    except SessionAlreadyRunning as busy:
        return {"runs": [], "status": "skipped", "message": str(busy)}

"""Running again what failed, for the run log, which knows no kind of run."""

from dataclasses import replace
from typing import Any

from capacity.inventory.selection import Selection
from sync_sessions.choices import SyncType
from sync_sessions.models import SyncSession

from .spec import RunSpec
from .start import start


def retry(session: SyncSession, instance_ids: list[int], *, created_by: Any, queue: bool) -> SyncSession:
    """What `session` was for, of these instances as they are now. Raises what `start` raises.

    What a schedule did and nobody asks for is the schedule's run still.
    """
    taken_up = created_by is None and session.sync_type == SyncType.SCHEDULED_TASK
    again = replace(
        RunSpec.of_session(session),
        selection=Selection(ids=tuple(instance_ids)),
        sync_type=session.sync_type if taken_up else "",
        created_by=created_by,
        retry_of=str(session.session_id),
    )
    return start(again, queue=queue).session

"""What a collection gives back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capacity.errors import CapacityError
from capacity.models import Instance
from capacity.runs import wording
from capacity.runs.faults import error_code
from sync_sessions.choices import RecordStatus, SessionStatus
from sync_sessions.common.words import told
from sync_sessions.models import SyncSession

from .sources import Measurement, NotCollected, Unsized


@dataclass(frozen=True)
class Outcome:
    """How one instance ended; sizes in bytes. `reason` is English, as it is in the log."""

    instance_id: int
    instance_name: str
    engine: str
    status: str
    databases: int = 0
    total_size_bytes: int = 0
    not_sized: Sequence[Unsized] = ()
    notes: Sequence[str] = ()
    error_code: str = ""
    reason: str = ""

    @classmethod
    def of(cls, instance: Instance, answer: Measurement | CapacityError) -> "Outcome":
        """Of what was measured and is not stored."""
        if isinstance(answer, CapacityError):
            status = RecordStatus.SKIPPED if isinstance(answer, NotCollected) else RecordStatus.FAILED
            return cls(
                instance.pk,
                instance.name,
                instance.db_type,
                status.value,
                error_code=error_code(answer),
                reason=str(answer),
            )
        return cls(
            instance.pk,
            instance.name,
            instance.db_type,
            RecordStatus.COMPLETED.value,
            len(answer.databases),
            sum(one.size_bytes for one in answer.databases),
            answer.not_sized,
            answer.notes,
        )


@dataclass(frozen=True)
class CollectionResult:
    """A run at its end; `session` is as it ended, `snapshot` the same as the API shows it."""

    session: SyncSession
    snapshot: dict[str, Any]
    outcomes: Sequence[Outcome]

    @property
    def status(self) -> str:
        """completed, failed (an instance failed, or others ended the session) or cancelled."""
        return str(self.session.status)

    def count(self, status: str) -> int:
        return sum(outcome.status == status for outcome in self.outcomes)

    @property
    def message(self) -> str:
        if not self.session.total_instances:
            return str(wording.COLLECTION.nothing)
        counts = {
            "completed": self.count(RecordStatus.COMPLETED),
            "failed": self.count(RecordStatus.FAILED),
            "skipped": self.count(RecordStatus.SKIPPED),
            "total": self.session.total_instances,
        }
        if self.status == SessionStatus.CANCELLED:
            return _("Cancelled after %(completed)d of %(total)d instances had been collected.") % counts
        text = ngettext(
            "%(completed)d of %(total)d instance collected, %(failed)d failed, %(skipped)d skipped.",
            "%(completed)d of %(total)d instances collected, %(failed)d failed, %(skipped)d skipped.",
            counts["total"],
        )
        return text % counts

    @property
    def errors(self) -> list[str]:
        """Why instances have no samples, a sentence each."""
        return [told(one.instance_name, one.reason) for one in self.outcomes if one.reason]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "status": self.status,
            "message": self.message,
            "instances": [asdict(outcome) for outcome in self.outcomes],
            "session": self.snapshot,
        }

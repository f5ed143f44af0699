"""What a run tells the log of an instance."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sync_sessions.common.masking import clean_error


@dataclass(frozen=True)
class RecordResult:
    """How one record ended. `sync_details` is JSON with a "version"; items are rows of the run's product."""

    record_id: int
    status: str
    items_synced: int = 0
    items_created: int = 0
    items_updated: int = 0
    items_deleted: int = 0
    error_code: str = ""
    error_message: str = ""
    sync_details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def how(self) -> tuple[object, ...]:
        """Equal in results that differ in their record alone. Of the details it is the object that counts: what is
        alike in many records has one."""
        return (
            self.status,
            self.items_synced,
            self.items_created,
            self.items_updated,
            self.items_deleted,
            self.error_code,
            self.error_message,
            id(self.sync_details),
        )

    def __post_init__(self) -> None:
        object.__setattr__(self, "error_message", clean_error(self.error_message))

"""What a roll-up tells: frozen dataclasses, totals computed from outcomes, never counted by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from capacity.inventory.selection import InstanceRef
from capacity.periods import Period
from capacity.runs.reasons import REASONS

__all__ = ["REASONS", "AggregationStatus", "InstanceRef", "InstanceResult", "LevelResult", "PeriodSummary", "iso"]


class AggregationStatus(models.TextChoices):
    COMPLETED = "completed", _("Completed")
    SKIPPED = "skipped", _("Skipped")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


@dataclass(frozen=True)
class LevelResult:
    """One level (databases, or the instance itself) of one instance in one period."""

    status: str
    period: Period
    processed_records: int = 0  #: period rows written
    created: int = 0
    updated: int = 0
    samples: int = 0  #: samples (level database) or day rows (level instance) they were made from

    def as_dict(self) -> dict[str, Any]:
        return {
            "status": str(self.status),
            "processed_records": self.processed_records,
            "created": self.created,
            "updated": self.updated,
            **_windows(self.period),
            "samples": self.samples,
        }


@dataclass(frozen=True)
class InstanceResult:
    """All levels of one instance in one period. What nobody filled in is a failure."""

    instance_id: int
    instance_name: str = ""
    status: str = AggregationStatus.FAILED
    processed_records: int = 0
    message: str | Promise = _("aggregation failed")
    error_code: str = ""
    error: str = ""
    database: LevelResult | None = None
    instance: LevelResult | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", self.status or AggregationStatus.FAILED)
        object.__setattr__(self, "processed_records", int(self.processed_records or 0))

    @classmethod
    def of(cls, ref: InstanceRef, status: str, code: str = "", **figures: Any) -> "InstanceResult":
        """A result whose message is the known reason of `code`; `figures` are its other fields."""
        return cls(ref.id, ref.name, status=status, error_code=code, message=REASONS[code] if code else "", **figures)

    @property
    def created(self) -> int:
        return sum(level.created for level in (self.database, self.instance) if level)

    @property
    def updated(self) -> int:
        return sum(level.updated for level in (self.database, self.instance) if level)


@dataclass(frozen=True)
class PeriodSummary:
    """A whole run of one period; made by `AggregationService.build_period_summary` alone."""

    period: Period
    status: str
    message: str
    processed_instances: int = 0
    skipped_instances: int = 0
    failed_instances: int = 0
    processed_records: int = 0
    errors: tuple[str, ...] = ()
    levels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  #: the sums of each level of the scope
    results: tuple[InstanceResult, ...] = ()

    @property
    def window(self) -> list[str]:
        return iso(self.period.start, self.period.end)


@lru_cache(maxsize=100)
def _windows(period: Period) -> dict[str, list[str]]:
    """Of the period and the one before it; kept, as all instances of a run have the same."""
    previous = period.previous()
    return {"window": iso(period.start, period.end), "previous_window": iso(previous.start, previous.end)}


def iso(*days: date) -> list[str]:
    return [day.isoformat() for day in days]

"""What can go wrong in capacity. `code` is for machines, the text for people (a DBA reads it)."""

from django.core.exceptions import ValidationError


class CapacityError(Exception):
    code = "capacity_error"


class InputError(CapacityError, ValidationError):  # type: ignore[misc]  # both have a `code`
    """Something a caller gave is wrong; the message says what is allowed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=type(self).code)

    def __str__(self) -> str:
        return str(self.message)


class ScopeError(InputError):
    """A scope that is none of instance, database, all."""

    code = "invalid_scope"


class PeriodError(InputError):
    """A period type that is not in PERIOD_CONFIG, or dates that make no period."""

    code = "invalid_period"


class StateConflict(CapacityError):
    """What is asked for does not go with how things are; the message says what to do first."""


class InstanceHasHistory(StateConflict):
    """An instance that has samples or period rows is not deleted."""

    code = "instance_has_history"


class InstanceInactive(StateConflict):
    """An inactive instance is neither collected nor aggregated."""

    code = "instance_inactive"


class InstanceHasNoHost(StateConflict):
    """An instance without a host is never collected from."""

    code = "no_host"


class JobBusy(CapacityError):
    """Another process does the same job at the moment."""

    code = "job_busy"


class QueueUnavailable(CapacityError):
    """The broker does not take a message."""

    code = "broker_unavailable"


class AggregationDisabled(CapacityError):
    """WHALEFALL_AGGREGATION_ENABLED is off."""

    code = "aggregation_disabled"


class SumOverflow(CapacityError):
    """A sum of sizes is larger than 2^63-1 bytes."""

    code = "sum_overflow"


class TimeZoneChanged(CapacityError):
    """The dates in the database were made in another time zone than WHALEFALL_TIME_ZONE."""

    code = "time_zone_changed"


class FieldKeyError(CapacityError):
    """A stored password cannot be decrypted with any key of WHALEFALL_FIELD_KEYS."""

    code = "field_key_missing"

"""The names of `capacity.periods` at the place where callers from outside look for them."""

from capacity.periods import (
    PERIOD_CONFIG,
    PERIODS,
    Period,
    PeriodConfig,
    PeriodType,
    parse_periods,
    period_config,
    today,
)

__all__ = [
    "PERIODS",
    "PERIOD_CONFIG",
    "Period",
    "PeriodConfig",
    "PeriodType",
    "parse_periods",
    "period_config",
    "today",
]

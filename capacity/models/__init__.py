from .aggregates import DatabaseSizeAggregation, InstanceSizeAggregation, TrendDirection
from .instance import DbType, Instance
from .samples import DatabaseSizeStat, InstanceSizeStat
from .schedule import Schedule
from .state import CapacityState, StalePeriod

__all__ = [
    "CapacityState",
    "DatabaseSizeAggregation",
    "DatabaseSizeStat",
    "DbType",
    "Instance",
    "InstanceSizeAggregation",
    "InstanceSizeStat",
    "Schedule",
    "StalePeriod",
    "TrendDirection",
]

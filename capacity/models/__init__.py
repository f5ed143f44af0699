from .aggregates import DatabaseSizeAggregation, InstanceSizeAggregation, TrendDirection
from .days import CarriedDatabase, DatabaseDayStat, InstanceSizeStat
from .instance import DbType, Instance
from .present import DatabaseState, InstanceState
from .samples import DatabaseSizeStat
from .schedule import Schedule
from .state import CapacityState, StalePeriod

__all__ = [
    "CapacityState",
    "CarriedDatabase",
    "DatabaseDayStat",
    "DatabaseSizeAggregation",
    "DatabaseSizeStat",
    "DatabaseState",
    "DbType",
    "Instance",
    "InstanceSizeAggregation",
    "InstanceSizeStat",
    "InstanceState",
    "Schedule",
    "StalePeriod",
    "TrendDirection",
]

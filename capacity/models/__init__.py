from django.db.models import Model

from .aggregates import TREND_PERCENT, DatabaseSizeAggregation, InstanceSizeAggregation, TrendDirection
from .alerts import (
    LIVE_ALERT,
    Alert,
    AlertLevel,
    AlertRule,
    AlertStatus,
    NotificationChannel,
    RuleKind,
    Severity,
)
from .days import CarriedDatabase, DatabaseDayStat, InstanceSizeStat
from .insight import CapacityEvent, Confidence, EventKind, Forecast, ForecastLevel, ForecastState
from .instance import DbType, Instance, TlsMode
from .limits import CapacityLimit, LimitSource
from .notifications import Notification, NotificationStatus
from .present import DatabaseState, InstanceState
from .prometheus import PrometheusAuth, PrometheusMapping, PrometheusSource, ReadingKind
from .samples import DatabaseSizeStat
from .schedule import Schedule
from .state import CapacityState, StalePeriod
from .tables import TableSizeSnapshot
from .tags import Tag

#: Every table that has rows of an instance, by the word that results have for it, in the order of deletion.
HISTORY: dict[str, type[Model]] = {
    "samples": DatabaseSizeStat,
    "days": InstanceSizeStat,
    "database_days": DatabaseDayStat,
    "carried": CarriedDatabase,
    "database_states": DatabaseState,
    "instance_states": InstanceState,
    "database_rows": DatabaseSizeAggregation,
    "instance_rows": InstanceSizeAggregation,
    "marks": StalePeriod,
    "forecasts": Forecast,
    "events": CapacityEvent,
    "tables": TableSizeSnapshot,
}

__all__ = [
    "LIVE_ALERT",
    "Alert",
    "AlertLevel",
    "AlertRule",
    "AlertStatus",
    "Notification",
    "NotificationChannel",
    "NotificationStatus",
    "RuleKind",
    "Severity",
    "HISTORY",
    "CapacityEvent",
    "CapacityLimit",
    "TREND_PERCENT",
    "CapacityState",
    "Confidence",
    "CarriedDatabase",
    "DatabaseDayStat",
    "DatabaseSizeAggregation",
    "DatabaseSizeStat",
    "DatabaseState",
    "DbType",
    "EventKind",
    "Forecast",
    "ForecastLevel",
    "ForecastState",
    "Instance",
    "InstanceSizeAggregation",
    "InstanceSizeStat",
    "LimitSource",
    "InstanceState",
    "PrometheusAuth",
    "PrometheusMapping",
    "PrometheusSource",
    "ReadingKind",
    "Schedule",
    "StalePeriod",
    "TableSizeSnapshot",
    "Tag",
    "TlsMode",
    "TrendDirection",
]

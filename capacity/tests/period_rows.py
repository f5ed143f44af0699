"""Period rows put straight into the tables, each with the sizes a test is about."""

from datetime import UTC, datetime

from capacity.models import DatabaseSizeAggregation, InstanceSizeAggregation

CALCULATED = datetime(2025, 3, 5, 20, 0, 7, 312645, tzinfo=UTC)


def add_database_row(instance, database, period, size, change=None, percent=None, **columns):
    """A row whose average, smallest and largest sizes are `size`; covered are all days of the period."""
    sizes = {f"{name}_size_bytes": size for name in ("avg", "min", "max")}
    changes = {"size_change_bytes": change, "size_change_percent": percent}
    values = {**_window(period), **sizes, **changes, **columns}
    return DatabaseSizeAggregation.objects.create(instance=instance, database_name=database, **values)


def add_instance_row(instance, period, size, change=None, percent=None, trend="unknown", **columns):
    """The same of an instance; it has two databases."""
    sizes = {f"{name}_total_size_bytes": size for name in ("avg", "min", "max")}
    databases = {f"{name}_database_count": 2 for name in ("avg", "min", "max")}
    changes = {"total_size_change_bytes": change, "total_size_change_percent": percent, "trend_direction": trend}
    values = {**_window(period), **sizes, **databases, **changes, **columns}
    return InstanceSizeAggregation.objects.create(instance=instance, **values)


def _window(period):
    return {
        "period_type": period.type,
        "period_start": period.start,
        "period_end": period.end,
        "sample_count": period.days,
        "covered_days": period.days,
        "calculated_at": CALCULATED,
        "created_at": CALCULATED,
    }

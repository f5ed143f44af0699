"""Instances with a tag each, and one of everything that instances have, for lists that are filtered by tag."""

from capacity.periods import today
from sync_sessions.choices import SyncCategory, SyncType
from sync_sessions.services import sync_session_service

from .alerts.factories import make_alert
from .factories import make_instance
from .outlooks import event_of, forecast_of, limit
from .samples import add_both, aggregate, the

#: Of the API: whose rows are each about one instance, which they name.
LISTS_BY_INSTANCE = [
    "alerts",
    "capacity/aggregations/databases",
    "capacity/aggregations/instances",
    "capacity/databases",
    "capacity/events",
    "capacity/forecasts",
    "capacity/limits",
    "capacity/samples",
    "sync-records",
]


def make_one_of_everything(*tags):
    """An instance for each tag, called as it is and "-1"."""
    for tag in tags:
        one = make_instance(f"{tag}-1", tags=[tag])
        add_both(one, today(), 100)
        limit(one, 1)
        forecast_of(one)
        event_of(one)
        make_alert(instance=one)
        sync_session_service.create_session(
            sync_type=SyncType.MANUAL_TASK,
            sync_category=SyncCategory.OTHER,
            lock_key=tag,
            instances=[(one.pk, one.name)],
        )
    aggregate(the("daily", str(today())))


def instance_of(row):
    """The name of the instance that a row is about, of a session that of its only record."""
    if hasattr(row, "session_id") and hasattr(row, "records"):
        row = row.records.get()
    return row.instance.name if hasattr(row, "instance") else row.name

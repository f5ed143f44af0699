"""How many alerts there are, and what people do to one.

Each change is a conditional UPDATE, so that nobody's answer is lost to a faster one's.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from capacity.errors import StateConflict
from capacity.models import LIVE_ALERT, Alert, AlertStatus, Severity
from sync_sessions.common.history import log_change
from sync_sessions.common.tags import of_tagged


def open_alerts(tags: Collection[str] = ()) -> dict[str, int]:
    """{severity: how many alerts are open or acknowledged, about instances with one of these tags if there are some},
    the mildest first. One query."""
    counts = (
        of_tagged(Alert.objects.shown(), tags, few_queries=True)
        .order_by()
        .values_list("severity")
        .annotate(n=Count("pk"))
    )
    return dict.fromkeys(Severity.values, 0) | dict(counts)


class AlertOver(StateConflict):
    """The alert has ended, or somebody else has acknowledged it."""

    code = "alert_over"


def acknowledge(alert: Alert, *, by: Any, note: str = "") -> None:
    """open -> acknowledged: nobody hears of it until it is over. Raises AlertOver; `alert` is as it is then."""
    hit = Alert.objects.filter(pk=alert.pk, status=AlertStatus.OPEN).update(
        status=AlertStatus.ACKNOWLEDGED, acknowledged_by=by, acknowledged_at=timezone.now(), note=note
    )
    alert.refresh_from_db()
    if not hit:
        raise AlertOver(_("The alert is no longer open: it is %(status)s.") % {"status": alert.get_status_display()})
    log_change(by, alert, f"Acknowledged. {note}".strip())


def silence(alert: Alert, *, until: datetime, by: Any, note: str = "") -> None:
    """Keeps it quiet until then, however it goes. Raises AlertOver when it has ended."""
    changes: dict[str, Any] = {"silenced_until": until} | ({"note": note} if note else {})
    hit = Alert.objects.filter(pk=alert.pk, status__in=LIVE_ALERT).update(**changes)
    alert.refresh_from_db()
    if not hit:
        raise AlertOver(_("The alert has ended: there is nothing to silence."))
    log_change(by, alert, f"Silenced until {until.isoformat()}. {note}".strip())

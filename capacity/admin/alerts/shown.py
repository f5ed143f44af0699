"""Open alerts as other pages show them, and the words and colours that all pages have for one."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capacity.admin.sizes.addresses import query
from capacity.alerts import wording
from capacity.models import Alert, AlertStatus
from sync_sessions.admin.cells import moment

SHOWN = 5  #: the worst ones; the others are counted
SEVERITY_VARIANTS = {"info": "info", "warning": "warning", "critical": "danger"}
STATUS_VARIANTS = {"open": "danger", "acknowledged": "warning", "resolved": "success", "silenced": "default"}


def status_of(alert: Alert) -> tuple[str, str]:
    """(key of STATUS_VARIANTS, word): whoever has silenced it wants to see that first."""
    quiet = alert.silenced_until and alert.silenced_until > timezone.now()
    if quiet and alert.status != AlertStatus.RESOLVED:
        return "silenced", _("Silenced")
    return alert.status, alert.get_status_display()


def open_alerts(request: HttpRequest, instance_id: int, database_name: str = "") -> dict[str, Any] | None:
    """For the template: those of a database, or of an instance with all its databases.

    None where there is none, or this user may see none. One query, two when there are more than are shown.
    """
    if not request.user.has_perm("capacity.view_alert"):
        return None
    found = Alert.objects.shown().filter(instance=instance_id)
    asked: dict[str, Any] = {"instance__id__exact": instance_id}
    if database_name:
        found, asked = found.filter(database_name=database_name), {**asked, "q": database_name}
    worst = list(found.worst_first()[: SHOWN + 1])
    if not worst:
        return None
    more = found.count() - SHOWN if len(worst) > SHOWN else 0
    text = ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more}
    return {
        "rows": [_row(one) for one in worst[:SHOWN]],
        "more": text if more else "",
        "url": f"{reverse('admin:capacity_alert_changelist')}?{query(asked)}",
    }


def _row(alert: Alert) -> dict[str, Any]:
    status, word = status_of(alert)
    return {
        "url": reverse("admin:capacity_alert_change", args=[alert.pk]),
        "title": wording.title(alert),
        "text": wording.sentence(alert),
        "severity": alert.get_severity_display(),
        "severity_variant": SEVERITY_VARIANTS[alert.severity],
        # That it is open says the head of the list.
        "status": word if status != AlertStatus.OPEN else "",
        "status_variant": STATUS_VARIANTS[status],
        "since": moment(alert.opened_at),
        "until": moment(alert.silenced_until) if status == "silenced" else "",
        "note": alert.note,
    }

"""The message of a row of the outbox, in the language that is active."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capacity.models import Alert, AlertStatus, DatabaseDayStat, InstanceSizeStat, Notification, Severity
from capacity.units import format_bytes
from sync_sessions.common.words import listed, told

from . import wording
from .message import Message, Part
from .monthly import report_message

WRITTEN_OUT = 20  #: alerts of one message; the others are counted
LAST_DAYS = 5


def compose(notification: Notification) -> Message:
    """Reads the alerts of the row and the last days of what they are about."""
    if notification.kind == Notification.Kind.TEST:
        return _test(notification)
    if notification.kind == Notification.Kind.REPORT:
        return report_message(notification)
    alerts = list(notification.alerts.order_by("-severity", "instance_name", "database_name", "pk"))
    alerts.sort(key=lambda one: -Severity(one.severity).rank)
    shown = alerts[:WRITTEN_OUT]
    # An Alertmanager is told of each: it makes the messages itself.
    if notification.channel.kind == notification.channel.Kind.ALERTMANAGER:
        shown = alerts
    days = _last_days(shown) if len(shown) <= WRITTEN_OUT else {}
    resolved = notification.kind == Notification.Kind.RESOLVED
    parts = [_part(one, resolved or one.status == AlertStatus.RESOLVED, days.get(one.pk, "")) for one in shown]
    hidden = len(alerts) - len(shown)
    more = ngettext("and %(count)d more", "and %(count)d more", hidden) % {"count": hidden} if hidden else ""
    return _finished(_subject(alerts, resolved), parts, more)


def _finished(subject: str, parts: Sequence[Part], more: str = "") -> Message:
    link = site_link(reverse("admin:capacity_alert_changelist"))
    html = render_to_string(
        "capacity/alerts/mail.html", {"subject": subject, "parts": parts, "more": more, "link": link}
    )
    return Message(subject, parts, more, link, html)


def _subject(alerts: Sequence[Alert], resolved: bool) -> str:
    if len(alerts) == 1:
        one = alerts[0]
        word = _("Over") if resolved else one.get_severity_display()
        return told(word, wording.title(one))
    if resolved:
        return ngettext("%(count)d alert is over", "%(count)d alerts are over", len(alerts)) % {"count": len(alerts)}
    worst = max((Severity(one.severity) for one in alerts), key=lambda one: one.rank, default=Severity.INFO)
    text = ngettext("%(count)d alert", "%(count)d alerts", len(alerts)) % {"count": len(alerts)}
    return told(worst.label, text)


def _part(alert: Alert, resolved: bool, days: str) -> Part:
    since = _("Since %(moment)s.") % {"moment": wording.moment_text(alert.opened_at)}
    if resolved and alert.resolved_at:
        since = _("From %(first)s to %(last)s.") % {
            "first": wording.moment_text(alert.opened_at),
            "last": wording.moment_text(alert.resolved_at),
        }
    lines = [wording.sentence(alert), since, *([days] if days else [])]
    link = site_link(reverse("admin:capacity_alert_change", args=[alert.pk]))
    facts = {
        "id": alert.pk,
        "rule": alert.rule_name,
        "kind": alert.kind,
        "severity": alert.severity,
        "status": "resolved" if resolved else "open",
        "instance": alert.instance_name or None,
        "database": alert.database_name or None,
        "value": alert.value,
        "threshold": alert.threshold_value,
        "facts": alert.params,
        "opened_at": alert.opened_at.isoformat(),
        "resolved_at": alert.resolved_at.isoformat() if alert.resolved_at else None,
        "text": lines[0],
        "link": link or None,
    }
    return Part(wording.title(alert), lines, link, alert.severity, resolved, facts, alert.opened_at)


def _last_days(alerts: Sequence[Alert]) -> dict[int, str]:
    """{alert id: a line with the sizes of the last days}. A query for databases, one for instances."""
    wanted = [one for one in alerts if one.instance_id]
    if not wanted:
        return {}
    first = min(one.last_seen_on for one in wanted) - timedelta(days=LAST_DAYS)
    ids = {one.instance_id for one in wanted}
    sizes: defaultdict[tuple[int, str], list[tuple[object, int]]] = defaultdict(list)
    names = {one.database_name for one in wanted if one.database_name}
    if names:
        rows = DatabaseDayStat.objects.filter(instance__in=ids, database_name__in=names, collected_on__gt=first)
        columns = ("instance_id", "database_name", "collected_on", "last_size_bytes")
        for pk, name, day, size in rows.order_by("collected_on").values_list(*columns):
            sizes[pk, name].append((day, size))
    totals = InstanceSizeStat.objects.filter(instance__in=ids, collected_on__gt=first).order_by("collected_on")
    for pk, day, size in totals.values_list("instance_id", "collected_on", "total_size_bytes"):
        sizes[pk, ""].append((day, size))
    lines = {}
    for one in wanted:
        found = sizes[one.instance_id or 0, one.database_name][-LAST_DAYS:]
        if found:
            shown = listed(format_bytes(size) for _day, size in found)
            lines[one.pk] = _("The last days: %(sizes)s.") % {"sizes": shown}
    return lines


def _test(notification: Notification) -> Message:
    now = timezone.now()
    title = _("This is a test: the channel %(name)s works.") % {"name": notification.channel}
    text = _("Alerts of the rules that name this channel come the same way.")
    facts = {"rule": "WhaleFall test", "kind": "test", "severity": "info", "status": "open", "text": text}
    # As over: an Alertmanager would keep it among what is wrong.
    part = Part(title, [text], "", Severity.INFO.value, True, facts, now)
    return _finished(_("Test message"), [part])


def site_link(path: str) -> str:
    """A whole address below WHALEFALL_SITE_URL; "" where that is not set."""
    return f"{settings.WHALEFALL_SITE_URL}{path}" if settings.WHALEFALL_SITE_URL else ""

"""The monthly report by mail: through the outbox, as every message."""

from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from capacity.insight.report import as_csv, as_html, make_report, month_of
from capacity.inventory.selection import Selection
from capacity.models import Notification, NotificationChannel
from capacity.periods import Period, PeriodType, today

from .message import Attachment, Message


def queue_reports(day: date | None = None) -> int:
    """Puts the report of the last complete month into the outbox, once for each channel that wants it; gives how many
    messages are new."""
    month = Period.last_complete(PeriodType.MONTHLY.value, day or today())
    channels = NotificationChannel.objects.filter(
        enabled=True, monthly_report=True, kind=NotificationChannel.Kind.EMAIL
    )
    made = 0
    for channel in channels.select_related("report_tag"):
        payload: dict[str, Any] = {"month": f"{month.start:%Y-%m}"}
        if channel.report_tag:
            payload["tag"] = channel.report_tag.name
        _row, new = Notification.objects.get_or_create(
            channel=channel,
            dedup_key=f"report:{payload['month']}",
            defaults={"kind": Notification.Kind.REPORT, "payload": payload, "next_try_at": timezone.now()},
        )
        made += new
    return made


def report_message(notification: Notification) -> Message:
    """The page in the mail, and every database as CSV. Reads the month; UnknownTag when the tag is gone."""
    month, tag = notification.payload["month"], notification.payload.get("tag")
    day = today()
    report = make_report(month_of(month, day), Selection.tagged([tag] if tag else None), day)
    about = {"month": month, "tag": tag}
    subject = _("Capacity in %(month)s, %(tag)s") % about if tag else _("Capacity in %(month)s") % about
    csv = Attachment(f"whalefall-{month}.csv", as_csv(report).encode(), "text/csv")
    return Message(
        subject, more=_("The report is in the HTML part of this mail."), html=as_html(report), attachments=[csv]
    )

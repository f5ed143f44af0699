"""Mail, through Django's own (EMAIL_URL)."""

import re

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from capacity.errors import CapacityError
from capacity.models import NotificationChannel

from .message import Message


class NoMailServer(CapacityError):
    """EMAIL_URL is not set."""

    code = "no_mail_server"


def recipients(addresses: str) -> list[str]:
    """The addresses of a text, separated by commas, semicolons, blanks or lines. Raises ValidationError."""
    found = [one for one in re.split(r"[,;\s]+", addresses) if one]
    for one in found:
        validate_email(one)
    if not found:
        raise ValidationError(_("Give at least one mail address."))
    return found


def send_mail(channel: NotificationChannel, message: Message) -> None:
    """One mail to all recipients of the channel, as text and HTML.

    Raises NoMailServer, and what the mail server answers.
    """
    if not settings.EMAIL_URL:
        raise NoMailServer(_("There is no mail server: set EMAIL_URL and start WhaleFall again."))
    mail = EmailMultiAlternatives(
        subject=f"[WhaleFall] {message.subject}".replace("\n", " ").replace("\r", " "),
        body=message.text(),
        from_email=settings.WHALEFALL_EMAIL_FROM,
        to=recipients(channel.address),
        headers={"Auto-Submitted": "auto-generated", "X-Priority": "1" if message.severity == "critical" else "3"},
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    for one in message.attachments:
        mail.attach(one.name, one.content, one.media_type)
    mail.send()

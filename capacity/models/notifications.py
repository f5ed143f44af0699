"""The outbox: what people are told of alerts."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from capacity.querysets import NotificationQuerySet

from .alerts import Alert, NotificationChannel


class NotificationStatus(models.TextChoices):
    """pending -> sending -> sent | failed | pending (another try)."""

    PENDING = "pending", _("Waiting")
    SENDING = "sending", _("Being sent")  # claimed by one sender; if that dies, the claim ends
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")


UNSENT = (NotificationStatus.PENDING, NotificationStatus.SENDING)


class Notification(models.Model):
    """The outbox: a message to a channel, written in the transaction of what it tells."""

    class Kind(models.TextChoices):
        OPENED = "opened", _("Begun")
        RESOLVED = "resolved", _("Over")
        DIGEST = "digest", _("One message a day")
        TEST = "test", _("Test")
        REPORT = "report", _("Report")

    channel = models.ForeignKey(
        NotificationChannel, on_delete=models.CASCADE, related_name="notifications", verbose_name=_("channel")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    alerts = models.ManyToManyField(Alert, blank=True, related_name="notifications", verbose_name=_("alerts"))
    payload = models.JSONField(_("arguments"), default=dict, blank=True)
    dedup_key = models.CharField(_("once per"), max_length=200)
    status = models.CharField(
        _("status"), max_length=16, choices=NotificationStatus, default=NotificationStatus.PENDING
    )
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(_("next try"), db_default=Now())
    claimed_at = models.DateTimeField(_("claimed at"), null=True, blank=True)
    maybe_repeated = models.BooleanField(
        _("may have arrived twice"), default=False, help_text=_("Its sender died before it could say how it went.")
    )
    error = models.TextField(_("error"), blank=True)
    response_code = models.PositiveSmallIntegerField(_("answer"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        db_table = "notifications"
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "dedup_key"], name="notifications_once_per_key"),
            models.CheckConstraint(
                condition=Q(status__in=NotificationStatus.values), name="notifications_status_known"
            ),
        ]
        indexes = [
            # Serves the sender, which looks every minute.
            models.Index(fields=["next_try_at"], condition=Q(status__in=UNSENT), name="notifications_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} → {self.channel}"

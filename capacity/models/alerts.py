"""Rules, the alerts that they open, and the channels that they go to."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from capacity.errors import FieldKeyError
from capacity.querysets import AlertQuerySet

from .fields import EncryptedTextField
from .instance import Instance
from .tags import Tag


class Severity(models.TextChoices):
    """From the mildest up; `rank` compares them."""

    INFO = "info", _("Info")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class RuleKind(models.TextChoices):
    DAYS_UNTIL_FULL = "days_until_full", _("Full within days")
    LIMIT_PERCENT = "limit_percent", _("Use of the limit")
    SIZE_OVER = "size_over", _("Size over")
    GROWTH = "growth", _("Growth")
    JUMP = "jump", _("Jump")
    DROP = "drop", _("Drop")
    NOT_COLLECTED = "not_collected", _("Not collected")
    RUN_FAILED = "run_failed", _("Run failed")
    SCHEDULE_MISSED = "schedule_missed", _("Schedule missed")


class AlertLevel(models.TextChoices):
    DATABASE = "database", _("Database")
    INSTANCE = "instance", _("Instance")
    VOLUME = "volume", _("Volume")
    FLEET = "fleet", _("Fleet")


class AlertStatus(models.TextChoices):
    """pending -> open -> acknowledged -> resolved; pending and open -> resolved as well."""

    PENDING = "pending", _("Waiting for its days")  # the condition holds, not yet for the rule's number of days
    OPEN = "open", pgettext_lazy("an alert", "Open")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")  # somebody has seen it: quiet until it is resolved
    RESOLVED = "resolved", _("Resolved")


LIVE_ALERT = (AlertStatus.PENDING, AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED)


class NotificationChannel(models.Model):
    """Where messages go. Address and secret are encrypted and never shown again."""

    class Kind(models.TextChoices):
        EMAIL = "email", _("Mail")
        SLACK = "slack", "Slack"
        TEAMS = "teams", "Microsoft Teams"
        DINGTALK = "dingtalk", _("DingTalk")
        FEISHU = "feishu", _("Feishu")
        LARK = "lark", "Lark"
        WECOM = "wecom", _("WeCom")
        TELEGRAM = "telegram", "Telegram"
        NTFY = "ntfy", "ntfy"
        WEBHOOK = "webhook", _("Webhook (JSON)")
        ALERTMANAGER = "alertmanager", "Alertmanager"

    class Mode(models.TextChoices):
        IMMEDIATELY = "immediately", _("At once")
        DAILY = "daily", _("One message a day")

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    address = EncryptedTextField(_("address"))
    secret = EncryptedTextField(_("secret"), blank=True, default="")
    language = models.CharField(
        _("language"), max_length=16, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    min_severity = models.CharField(
        _("from severity"),
        max_length=16,
        choices=Severity,
        default=Severity.INFO,
        help_text=_("Milder ones stay out."),
    )
    mode = models.CharField(_("when"), max_length=16, choices=Mode, default=Mode.IMMEDIATELY)
    digest_at = models.TimeField(
        _("daily at"), null=True, blank=True, help_text=_("Of the one message a day; critical alerts go at once.")
    )
    send_resolved = models.BooleanField(_("tell when it is over"), default=True)
    monthly_report = models.BooleanField(
        _("monthly report"), default=False, help_text=_("Mail alone: the report of each month, as a page and as CSV.")
    )
    report_tag = models.ForeignKey(
        Tag,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("tag of the report"),
        help_text=_("Of the instances with this tag; empty: of the fleet."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    disabled_reason = models.TextField(_("why it was switched off"), blank=True, editable=False)
    last_ok_at = models.DateTimeField(_("last delivered"), null=True, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    last_error_at = models.DateTimeField(_("last error at"), null=True, editable=False)

    class Meta:
        db_table = "notification_channels"
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def has_secret(self) -> bool:
        """Whether there is one, even if no key decrypts it."""
        try:
            return bool(self.secret)
        except FieldKeyError:
            return True


class AlertRule(models.Model):
    """When an alert opens. What `threshold` holds depends on the kind: capacity.alerts.rules has the table."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=32, choices=RuleKind)
    level = models.CharField(_("level"), max_length=16, choices=AlertLevel, default=AlertLevel.DATABASE)
    db_types = models.JSONField(_("engines"), default=list, blank=True, help_text=_("None: all of them."))
    instances = models.ManyToManyField(
        Instance, blank=True, related_name="+", verbose_name=_("instances"), help_text=_("None: all of them.")
    )
    tags = models.ManyToManyField(
        Tag,
        blank=True,
        related_name="+",
        verbose_name=_("tags"),
        help_text=_("Instances with any of these; none: whatever their tags."),
    )
    database_pattern = models.CharField(
        _("databases"), max_length=255, blank=True, help_text=_("A name, with * for any characters; empty: all.")
    )
    threshold = models.JSONField(_("threshold"), default=dict, encoder=DjangoJSONEncoder)
    severity = models.CharField(_("severity"), max_length=16, choices=Severity, default=Severity.WARNING)
    for_days = models.PositiveSmallIntegerField(
        _("for days"), default=1, validators=[MinValueValidator(1)], help_text=_("On how many days in a row.")
    )
    channels = models.ManyToManyField(
        NotificationChannel, blank=True, related_name="rules", verbose_name=_("channels")
    )
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        db_table = "alert_rules"
        verbose_name = _("alert rule")
        verbose_name_plural = _("alert rules")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=RuleKind.values), name="alert_rules_kind_known"),
            models.CheckConstraint(condition=Q(level__in=AlertLevel.values), name="alert_rules_level_known"),
        ]

    def __str__(self) -> str:
        """In the reader's language, if it is one that comes with the product."""
        return gettext(self.name)


class Alert(models.Model):
    """One target for which a rule holds, or held. Names are copied: an alert outlives what it is about."""

    rule = models.ForeignKey(
        AlertRule, on_delete=models.SET_NULL, null=True, related_name="alerts", verbose_name=_("rule")
    )
    rule_name = models.CharField(_("rule"), max_length=100)
    kind = models.CharField(_("kind"), max_length=32, choices=RuleKind)
    severity = models.CharField(_("severity"), max_length=16, choices=Severity)
    target = models.CharField(_("target"), max_length=600, help_text=_("What it is about, for the rule."))
    instance = models.ForeignKey(
        Instance, on_delete=models.SET_NULL, null=True, blank=True, related_name="alerts", verbose_name=_("instance")
    )
    instance_name = models.CharField(_("instance"), max_length=255, blank=True)
    database_name = models.CharField(_("database"), max_length=255, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=AlertStatus, default=AlertStatus.OPEN)
    value = models.FloatField(_("value"), null=True, blank=True)
    threshold_value = models.FloatField(_("threshold"), null=True, blank=True)
    params = models.JSONField(
        _("facts"), default=dict, encoder=DjangoJSONEncoder, help_text=_("What its sentence is made of.")
    )
    opened_at = models.DateTimeField(_("since"), db_default=Now())
    first_seen_on = models.DateField(_("first day"))
    last_seen_on = models.DateField(_("last seen"))
    clear_since = models.DateField(_("clear since"), null=True, blank=True)
    reopened = models.PositiveIntegerField(_("reopened"), default=0)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("acknowledged by"),
    )
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True)
    silenced_until = models.DateTimeField(_("silenced until"), null=True, blank=True)
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        db_table = "alerts"
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "target"], condition=Q(status__in=LIVE_ALERT), name="alerts_one_live_per_target"
            ),
            models.CheckConstraint(condition=Q(status__in=AlertStatus.values), name="alerts_status_known"),
        ]
        indexes = [
            # Serves the list and the dashboard: live ones are few, resolved ones many.
            models.Index(fields=["severity", "-opened_at"], condition=Q(status__in=LIVE_ALERT), name="alerts_live"),
            # Serves an instance's page and SET_NULL.
            models.Index(fields=["instance", "-opened_at"], name="alerts_of_instance"),
            # Serves the evaluation: what a rule has resolved lately is opened again in its old row.
            models.Index(fields=["rule", "resolved_at"], name="alerts_of_rule"),
        ]

    def __str__(self) -> str:
        return " ".join(part for part in (gettext(self.rule_name), self.instance_name, self.database_name) if part)

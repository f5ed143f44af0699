from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from capacity.querysets import InstanceQuerySet

from .fields import EncryptedTextField
from .tags import Tag


class DbType(models.TextChoices):
    POSTGRESQL = "postgresql", "PostgreSQL"
    MYSQL = "mysql", "MySQL / MariaDB"
    SQLSERVER = "sqlserver", "SQL Server"
    ORACLE = "oracle", "Oracle"


class TlsMode(models.TextChoices):
    """Who may listen to, and who may answer, a connection to a server."""

    DISABLE = "disable", _("never")
    PREFER = "prefer", _("if the server offers it")
    REQUIRE = "require", _("always, any certificate")
    VERIFY_FULL = "verify-full", _("always, certificate and host name checked")


class Instance(models.Model):
    """One database server. Without a host its samples are only pushed (API, CSV), never collected."""

    name = models.CharField(_("name"), max_length=255, unique=True)
    db_type = models.CharField(_("engine"), max_length=16, choices=DbType)
    host = models.CharField(
        _("host"), max_length=255, blank=True, help_text=_("Leave it empty when samples are only pushed.")
    )
    port = models.PositiveIntegerField(
        _("port"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
        help_text=_("Empty: the engine's usual port."),
    )
    database_name = models.CharField(
        _("database to connect to"), max_length=255, blank=True, help_text=_("Empty: the engine's usual one.")
    )
    username = models.CharField(_("user name"), max_length=255, blank=True)
    password = EncryptedTextField(_("password"), blank=True, default="")
    tls_mode = models.CharField(
        _("TLS"),
        max_length=16,
        choices=TlsMode,
        default=TlsMode.PREFER,
        help_text=_("Whether the connection is encrypted."),
    )
    tls_ca = models.TextField(
        _("TLS certificates"),
        blank=True,
        default="",
        help_text=_("The authorities that its certificate is checked by, as PEM. Empty: those of the system."),
    )
    description = models.TextField(_("description"), blank=True)
    tags = models.ManyToManyField(
        Tag, blank=True, related_name="instances", verbose_name=_("tags"), help_text=_("Whose it is, or where.")
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Inactive instances are neither collected nor aggregated.")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = InstanceQuerySet.as_manager()

    class Meta:
        db_table = "instances"
        verbose_name = _("instance")
        verbose_name_plural = _("instances")
        ordering = ["name"]
        permissions = [("trigger_aggregation", "Can start aggregation runs")]
        constraints = [
            models.CheckConstraint(condition=Q(db_type__in=DbType.values), name="instances_db_type_known"),
            models.CheckConstraint(condition=Q(tls_mode__in=TlsMode.values), name="instances_tls_mode_known"),
        ]
        indexes = [
            # Lists are in the order of names, whatever their case: the first page need not sort all of them.
            models.Index(Lower("name"), name="instances_by_name"),
        ]

    def __str__(self) -> str:
        return self.name

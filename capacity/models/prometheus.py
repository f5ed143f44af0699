from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from capacity.querysets import PrometheusMappingQuerySet

from .fields import EncryptedTextField, validate_text
from .instance import DbType

is_header_name = RegexValidator(r"\A[A-Za-z0-9-]+\Z", _("A header's name has letters, digits and hyphens in it."))
is_header_value = RegexValidator(r"\A[\x21-\x7e]*\Z", _("Only letters, digits and signs of ASCII, without blanks."))
is_label_name = RegexValidator(
    r"\A[a-zA-Z_][a-zA-Z0-9_]*\Z", _("A label's name has letters, digits and underscores in it.")
)


class PrometheusAuth(models.TextChoices):
    NONE = "none", _("None")
    BASIC = "basic", _("User and password")
    BEARER = "bearer", _("Bearer token")


class ReadingKind(models.TextChoices):
    """What the numbers of a mapping are."""

    SIZE = "size", _("Size")
    DATA = "data", _("Data size")
    LOG = "log", _("Log size")
    LIMIT = "limit", _("Limit")  # what a database may grow to; without a database label: the size of the volume
    AVAILABLE = "available", _("Free on the volume")


SIZES = (ReadingKind.SIZE, ReadingKind.DATA, ReadingKind.LOG)  #: those that make samples


class PrometheusSource(models.Model):
    """A server with the API of Prometheus (Thanos, VictoriaMetrics, Mimir) that sizes are read from."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    url = models.CharField(
        _("address"),
        max_length=500,
        help_text=_(
            "What stands before /api/v1, such as https://prometheus:9090 or http://vm:8481/select/0/prometheus."
        ),
    )
    auth = models.CharField(_("login"), max_length=16, choices=PrometheusAuth, default=PrometheusAuth.NONE)
    username = models.CharField(_("user name"), max_length=255, blank=True)
    secret = EncryptedTextField(_("password or token"), blank=True, default="")
    tenant_header = models.CharField(
        _("tenant header"), max_length=100, blank=True, default="X-Scope-OrgID", validators=[is_header_name]
    )
    tenant = models.CharField(
        _("tenant"),
        max_length=255,
        blank=True,
        validators=[is_header_value],
        help_text=_("Sent in the tenant header. Empty: no such header is sent."),
    )
    tls_ca = models.TextField(
        _("TLS certificates"),
        blank=True,
        default="",
        help_text=_("The authorities that its certificate is checked by, as PEM. Empty: those of the system."),
    )
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Inactive ones are not read."))
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        db_table = "prometheus_sources"
        verbose_name = _("Prometheus source")
        verbose_name_plural = _("Prometheus sources")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(auth__in=PrometheusAuth.values), name="prometheus_sources_auth_known")
        ]

    def __str__(self) -> str:
        return self.name


class PrometheusMapping(models.Model):
    """A query, and how its series become sizes or limits of databases.

    The value of the instance label is the name of an instance, or its host:port.
    """

    source = models.ForeignKey(
        PrometheusSource, on_delete=models.CASCADE, db_index=False, related_name="mappings", verbose_name=_("source")
    )
    name = models.CharField(_("name"), max_length=100)
    query = models.TextField(_("query"), max_length=4000, validators=[validate_text], help_text=_("In PromQL."))
    instance_label = models.CharField(
        _("instance label"),
        max_length=100,
        default="instance",
        validators=[is_label_name],
        help_text=_("Its value is the name of an instance here, or the host:port of one."),
    )
    database_label = models.CharField(
        _("database label"),
        max_length=100,
        blank=True,
        validators=[is_label_name],
        help_text=_("Empty for volumes: what is on them is all of the instance."),
    )
    factor = models.PositiveBigIntegerField(
        _("factor"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(2**40)],
        help_text=_("What makes bytes of its numbers: 1, or 1024 if they are KiB."),
    )
    kind = models.CharField(_("kind"), max_length=16, choices=ReadingKind, default=ReadingKind.SIZE)
    db_type = models.CharField(_("engine"), max_length=16, choices=DbType)

    objects = PrometheusMappingQuerySet.as_manager()

    class Meta:
        db_table = "prometheus_mappings"
        verbose_name = _("Prometheus mapping")
        verbose_name_plural = _("Prometheus mappings")
        ordering = ["source__name", "name"]
        constraints = [
            # Its index also serves the mappings of a source.
            models.UniqueConstraint(fields=["source", "name"], name="prometheus_mappings_once"),
            models.CheckConstraint(condition=Q(kind__in=ReadingKind.values), name="prometheus_mappings_kind_known"),
            models.CheckConstraint(condition=Q(db_type__in=DbType.values), name="prometheus_mappings_db_type_known"),
            models.CheckConstraint(condition=Q(factor__gte=1), name="prometheus_mappings_factor_positive"),
        ]

    def __str__(self) -> str:
        return self.name

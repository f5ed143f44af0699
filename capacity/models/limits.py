from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .instance import Instance


class LimitSource(models.TextChoices):
    """Where a limit comes from; of several, the first one of this order counts."""

    MANUAL = "manual", _("Entered")  # by staff
    TABLESPACE = "tablespace", _("Tablespace")  # what its files may grow to
    FILE = "file", _("File")
    VOLUME = "volume", _("Volume")  # the disk


class CapacityLimit(models.Model):
    """How large a database may become, or a whole instance (no database name)."""

    # db_index=False: the unique constraint leads with the instance.
    instance = models.ForeignKey(
        Instance, on_delete=models.CASCADE, db_index=False, related_name="limits", verbose_name=_("instance")
    )
    database_name = models.CharField(
        _("database"), max_length=255, blank=True, help_text=_("Empty: the whole instance.")
    )
    limit_bytes = models.BigIntegerField(_("limit"), validators=[MinValueValidator(1)])
    source = models.CharField(_("source"), max_length=16, choices=LimitSource, default=LimitSource.MANUAL)
    shared_key = models.CharField(
        _("volume"),
        max_length=255,
        blank=True,
        help_text=_("What shares this limit has the same key; the limit is that of all of them together."),
    )
    note = models.TextField(_("note"), blank=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("updated by"),
    )
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        db_table = "capacity_limits"
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        ordering = ["instance_id", "database_name", "source"]
        constraints = [
            models.UniqueConstraint(fields=["instance", "database_name", "source"], name="capacity_limits_once"),
            models.CheckConstraint(condition=Q(source__in=LimitSource.values), name="capacity_limits_source_known"),
            models.CheckConstraint(condition=Q(limit_bytes__gt=0), name="capacity_limits_positive"),
        ]
        indexes = [
            # Serves what shares a volume.
            models.Index(fields=["shared_key"], condition=~Q(shared_key=""), name="capacity_limits_shared"),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.database_name} {self.get_source_display()}"

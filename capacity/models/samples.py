"""What was measured. Sizes are bytes; written by `capacity.collection.ingest` alone."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .instance import Instance


class DatabaseSizeStat(models.Model):
    """A sample: the size of one database at one moment."""

    # db_index=False: the unique constraint leads with the instance.
    instance = models.ForeignKey(
        Instance, on_delete=models.PROTECT, db_index=False, related_name="samples", verbose_name=_("instance")
    )
    database_name = models.CharField(_("database"), max_length=255)
    size_bytes = models.BigIntegerField(_("size"))
    data_size_bytes = models.BigIntegerField(_("data size"), null=True, blank=True)
    log_size_bytes = models.BigIntegerField(_("log size"), null=True, blank=True)
    collected_on = models.DateField(_("day"))
    collected_at = models.DateTimeField(_("measured at"))

    class Meta:
        db_table = "database_size_stats"
        verbose_name = _("sample")
        verbose_name_plural = _("measured sizes")
        ordering = ["-collected_at", "instance_id", "database_name"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "database_name", "collected_at"], name="database_size_stats_once"
            ),
        ]
        indexes = [
            # Serves the day rows that ingest derives, purging and rezoning. A B-tree on the day beside it would make
            # PostgreSQL scan the whole window for every chunk (three times slower).
            models.Index(fields=["instance", "collected_on"], name="database_size_stats_chunk"),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.database_name} {timezone.localtime(self.collected_at):%Y-%m-%d %H:%M}"

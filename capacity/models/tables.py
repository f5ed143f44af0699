from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .instance import Instance


class TableSizeSnapshot(models.Model):
    """The largest tables of one database at one moment; sizes in bytes."""

    # db_index=False: the index below leads with the instance.
    instance = models.ForeignKey(
        Instance, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("instance")
    )
    database_name = models.CharField(_("database"), max_length=255)
    taken_at = models.DateTimeField(_("taken at"))
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("taken by"),
    )
    #: [{"table", "size_bytes"} ...], the largest 100 in order; then, if there are more, {"others", "size_bytes"}.
    tables = models.JSONField(_("tables"))
    total_bytes = models.BigIntegerField(_("total size"))

    class Meta:
        db_table = "table_size_snapshots"
        verbose_name = _("table snapshot")
        verbose_name_plural = _("table snapshots")
        ordering = ["-taken_at"]
        indexes = [
            # Serves the newest two of a database, and the deletion of an instance.
            models.Index(fields=["instance", "database_name", "-taken_at"], name="table_snapshots_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.database_name} {self.taken_at}"

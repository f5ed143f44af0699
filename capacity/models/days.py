"""Day rows: what the roll-up, charts and forecasts are made from. Derived by `capacity.collection.days` alone,
in the transaction of the samples; sizes are bytes.
"""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .instance import Instance

#: For how many days a database that cannot be sized counts with its last known size.
CARRY_DAYS = 7
#: In sum_size_bytes of a day whose sum of sizes, data or log sizes is beyond 2^63-1: whatever adds it up fails
#: (sum_overflow), as both databases refuse its absolute value.
UNFIT = -(2**63)


def size(label: Any, **options: Any) -> "models.BigIntegerField[Any, Any]":
    return models.BigIntegerField(label, **options)


def optional_size(label: Any) -> "models.BigIntegerField[Any, Any]":
    return size(label, null=True, blank=True)


class DatabaseDayStat(models.Model):
    """The day of one database. It outlives its samples.

    The sums are over the day's samples, so that averages of longer periods stay exact; `last` is of the latest
    moment. `data_count` and `log_count` are how many samples have such a size.
    """

    # db_index=False: the unique constraint leads with the instance.
    instance = models.ForeignKey(
        Instance, on_delete=models.PROTECT, db_index=False, related_name="database_days", verbose_name=_("instance")
    )
    database_name = models.CharField(_("database"), max_length=255)
    collected_on = models.DateField(_("day"))
    sample_count = models.PositiveIntegerField(_("samples"))
    sum_size_bytes = size(_("sum of sizes"))
    min_size_bytes = size(_("smallest size"))
    max_size_bytes = size(_("largest size"))
    last_size_bytes = size(_("last size"))
    data_count = models.PositiveIntegerField(_("samples with a data size"))
    sum_data_size_bytes = optional_size(_("sum of data sizes"))
    min_data_size_bytes = optional_size(_("smallest data size"))
    max_data_size_bytes = optional_size(_("largest data size"))
    last_data_size_bytes = optional_size(_("last data size"))
    log_count = models.PositiveIntegerField(_("samples with a log size"))
    sum_log_size_bytes = optional_size(_("sum of log sizes"))
    min_log_size_bytes = optional_size(_("smallest log size"))
    max_log_size_bytes = optional_size(_("largest log size"))
    last_log_size_bytes = optional_size(_("last log size"))
    last_collected_at = models.DateTimeField(_("last sample at"))

    class Meta:
        db_table = "database_day_stats"
        verbose_name = _("day of a database")
        verbose_name_plural = _("days of databases")
        ordering = ["-collected_on", "instance_id", "database_name"]
        constraints = [
            # Also serves the series of one database and the look-ups of its state.
            models.UniqueConstraint(
                fields=["instance", "database_name", "collected_on"], name="database_day_stats_once"
            ),
        ]
        indexes = [
            # Serves the roll-up's chunks and the day rows of instances. A B-tree on the day beside it would make
            # PostgreSQL scan the whole window for every chunk (three times slower).
            models.Index(fields=["instance", "collected_on"], name="database_day_stats_chunk"),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.database_name} {self.collected_on}"


class InstanceSizeStat(models.Model):
    """The day of an instance: the sum of the last sizes of its databases on that day, carried ones included."""

    instance = models.ForeignKey(
        Instance, on_delete=models.PROTECT, db_index=False, related_name="days", verbose_name=_("instance")
    )
    collected_on = models.DateField(_("day"))
    total_size_bytes = size(_("total size"))
    database_count = models.PositiveIntegerField(pgettext_lazy("how many", "databases"))
    carried_databases = models.PositiveIntegerField(
        _("carried databases"),
        default=0,
        help_text=_("Databases that could not be sized and count with their last known size of the last 7 days."),
    )
    collected_at = models.DateTimeField(_("last sample at"))
    updated_at = models.DateTimeField(_("updated at"))

    class Meta:
        db_table = "instance_size_stats"
        verbose_name = _("day total")
        verbose_name_plural = _("sizes by day")
        ordering = ["-collected_on", "instance_id"]
        constraints = [
            models.UniqueConstraint(fields=["instance", "collected_on"], name="instance_size_stats_once"),
        ]
        indexes = [
            # Serves the fleet's size and coverage per day (dashboard).
            models.Index(fields=["collected_on"], name="instance_size_stats_day"),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.collected_on}"


class CarriedDatabase(models.Model):
    """A database that a collection of that day listed but could not size.

    It is what InstanceSizeStat.carried_databases is derived from: those that have no sample on the day and one in
    the 7 days before it. A later sample of the same day takes its place.
    """

    instance = models.ForeignKey(
        Instance, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("instance")
    )
    collected_on = models.DateField(_("day"))
    database_name = models.CharField(_("database"), max_length=255)

    class Meta:
        db_table = "carried_databases"
        verbose_name = _("database not sized")
        verbose_name_plural = _("databases not sized")
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "collected_on", "database_name"], name="carried_databases_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.database_name} {self.collected_on}"

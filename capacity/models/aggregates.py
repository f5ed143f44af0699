"""Period rows. Written by `capacity.aggregation.rollup` alone; sizes and changes are bytes."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from capacity.periods import PeriodType
from capacity.querysets import PeriodRowQuerySet

from .instance import Instance

TREND_PERCENT = 5  #: growing above it, shrinking below its negative, stable between


class TrendDirection(models.TextChoices):
    GROWING = "growing", _("Growing")
    SHRINKING = "shrinking", _("Shrinking")
    STABLE = "stable", _("Stable")
    UNKNOWN = "unknown", _("Unknown")


def percent(label: Any) -> "models.DecimalField[Any, Any]":
    # 24 digits: growth from 1 byte to 2^63-1 must not overflow.
    return models.DecimalField(label, max_digits=24, decimal_places=2, null=True, blank=True)


def size(label: Any, **options: Any) -> "models.BigIntegerField[Any, Any]":
    return models.BigIntegerField(label, **options)


def list_indexes(prefix: str) -> list[models.Index]:
    """The indexes of the tables of both levels, each for one kind of list: a page of it, newest period first, and
    its count.

    They are few and small (equal keys share their space), as the roll-up writes them all with each row.
    """
    return [
        # Serves lists of everything, of ranges of days and of many instances (engines). By the last columns, rows
        # of other instances and ends are passed over unread.
        models.Index(fields=["period_start", "period_type", "instance", "period_end"], name=f"{prefix}_newest"),
        # Serves lists of one or a few instances.
        models.Index(fields=["instance", "period_start"], name=f"{prefix}_instance"),
        # Serve lists by `min_covered_days`, of 2 to 7 and of more: a day covers one day at most, a week seven, so
        # that days cost nothing here, and weeks are not read on the way to months.
        *(
            models.Index(
                fields=["period_start", "period_type", "instance", "covered_days"],
                condition=Q(covered_days__gt=days),
                name=f"{prefix}_covered{days}",
            )
            for days in (1, 7)
        ),
    ]


class PeriodRow(models.Model):
    """What the rows of both levels share."""

    instance = models.ForeignKey(
        Instance, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("instance")
    )
    period_type = models.CharField(_("period type"), max_length=16, choices=PeriodType)
    period_start = models.DateField(_("first day"))
    period_end = models.DateField(_("last day"))
    sample_count = models.PositiveIntegerField(_("samples"))
    covered_days = models.PositiveIntegerField(
        _("covered days"), help_text=_("Days of the period with at least one sample.")
    )
    calculated_at = models.DateTimeField(_("calculated at"))
    created_at = models.DateTimeField(_("created at"))

    objects = PeriodRowQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-period_start", "period_type", "instance_id"]
        constraints = [
            models.CheckConstraint(condition=Q(period_type__in=PeriodType.values), name="%(class)s_period_type_known"),
            models.CheckConstraint(condition=Q(period_start__lte=F("period_end")), name="%(class)s_start_before_end"),
        ]


class DatabaseSizeAggregation(PeriodRow):
    """One database in one period."""

    database_name = models.CharField(_("database"), max_length=255)
    avg_size_bytes = size(_("average size"))
    min_size_bytes = size(_("smallest size"))
    max_size_bytes = size(_("largest size"))
    avg_data_size_bytes = size(_("average data size"), null=True, blank=True)
    min_data_size_bytes = size(_("smallest data size"), null=True, blank=True)
    max_data_size_bytes = size(_("largest data size"), null=True, blank=True)
    avg_log_size_bytes = size(_("average log size"), null=True, blank=True)
    min_log_size_bytes = size(_("smallest log size"), null=True, blank=True)
    max_log_size_bytes = size(_("largest log size"), null=True, blank=True)
    size_change_bytes = size(_("change"), null=True, blank=True)
    size_change_percent = percent(_("change in percent"))
    data_size_change_bytes = size(_("change of data"), null=True, blank=True)
    data_size_change_percent = percent(_("change of data in percent"))
    log_size_change_bytes = size(_("change of log"), null=True, blank=True)
    log_size_change_percent = percent(_("change of log in percent"))

    class Meta(PeriodRow.Meta):
        db_table = "database_size_aggregations"
        verbose_name = _("database period row")
        verbose_name_plural = _("growth of databases")
        constraints = [
            *PeriodRow.Meta.constraints,
            # The upsert's key: a re-run can only replace. It leads with the period, so that lists of one
            # period read one stretch of it.
            models.UniqueConstraint(
                fields=["period_type", "period_start", "instance", "database_name"],
                name="database_size_aggregations_once",
            ),
        ]
        indexes = [
            # Serves the history of one database (charts, detail pages).
            models.Index(
                fields=["instance", "database_name", "period_type", "period_start"],
                name="database_aggregation_history",
            ),
            *list_indexes("database_aggregation"),
            # Serves lists of a database name, on whatever instances it is.
            models.Index(fields=["database_name", "period_start", "period_type"], name="database_aggregation_name"),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.database_name} {self.get_period_type_display()} {self.period_start}"


class InstanceSizeAggregation(PeriodRow):
    """One instance in one period: the same, over its day rows."""

    avg_total_size_bytes = size(_("average size"))
    min_total_size_bytes = size(_("smallest size"))
    max_total_size_bytes = size(_("largest size"))
    avg_database_count = models.DecimalField(_("average databases"), max_digits=12, decimal_places=2)
    min_database_count = models.PositiveIntegerField(_("fewest databases"))
    max_database_count = models.PositiveIntegerField(_("most databases"))
    total_size_change_bytes = size(_("change"), null=True, blank=True)
    total_size_change_percent = percent(_("change in percent"))
    database_count_change = models.DecimalField(
        _("change of databases"), max_digits=12, decimal_places=2, null=True, blank=True
    )
    database_count_change_percent = percent(_("change of databases in percent"))
    trend_direction = models.CharField(_("trend"), max_length=16, choices=TrendDirection)

    class Meta(PeriodRow.Meta):
        db_table = "instance_size_aggregations"
        verbose_name = _("instance period row")
        verbose_name_plural = _("growth of instances")
        constraints = [
            *PeriodRow.Meta.constraints,
            # The upsert's key.
            models.UniqueConstraint(
                fields=["period_type", "period_start", "instance"], name="instance_size_aggregations_once"
            ),
            models.CheckConstraint(
                condition=Q(trend_direction__in=TrendDirection.values), name="instance_trend_direction_known"
            ),
        ]
        indexes = [
            # Serves the history of one instance (charts, detail pages).
            models.Index(fields=["instance", "period_type", "period_start"], name="instance_aggregation_history"),
            *list_indexes("instance_aggregation"),
            # Serves lists of one trend, of which there may be few rows or none.
            models.Index(
                fields=["trend_direction", "period_start", "period_type", "instance"],
                name="instance_aggregation_trend",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.get_period_type_display()} {self.period_start}"

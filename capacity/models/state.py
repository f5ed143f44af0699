from collections.abc import Collection
from datetime import date, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from capacity.periods import Period, PeriodType
from capacity.querysets import StalePeriodQuerySet

from .instance import Instance


def caught_up_since(today: date) -> date:
    """Periods that ended before this day are left alone by the schedule, until somebody asks for them."""
    return today - timedelta(days=settings.WHALEFALL_CATCH_UP_DAYS)


class StalePeriod(models.Model):
    """A mark: "this period of this instance must be computed (again)".

    Ingest sets it, a roll-up of both levels deletes it.
    """

    # Its index serves the deletion of an instance; the roll-up and the schedule go by the constraint.
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="+", verbose_name=_("instance"))
    period_type = models.CharField(_("period type"), max_length=16, choices=PeriodType)
    period_start = models.DateField(_("first day"))

    objects = StalePeriodQuerySet.as_manager()

    class Meta:
        db_table = "stale_periods"
        verbose_name = _("stale period")
        verbose_name_plural = _("stale periods")
        constraints = [
            models.UniqueConstraint(fields=["period_type", "period_start", "instance"], name="stale_periods_once"),
            models.CheckConstraint(
                condition=Q(period_type__in=PeriodType.values), name="stale_periods_period_type_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.period_type} {self.period_start}"

    @classmethod
    def due(
        cls, types: Collection[str], today: date, since: date | None = None, tags: Collection[str] = ()
    ) -> list[Period]:
        """The complete periods of these types that an active instance is marked for and that can be made again.

        Those that end on `since` or later, of instances with one of these tags if there are some; oldest first. One
        query.
        """
        purged = models.Subquery(CapacityState.objects.values("days_purged_before")[:1])
        marks = cls.objects.complete(types, today).annotate(purged=purged)
        if tags:
            marks = marks.filter(instance__in=Instance.objects.tagged(tags))
        found = [
            (Period.containing(type, start), purged_before or date.min)
            for type, start, purged_before in marks.values_list("period_type", "period_start", "purged").distinct()
        ]
        periods = [
            period
            for period, purged_before in found
            # Made again without their samples, they would lose what they have.
            if period.is_complete(today)
            and period.previous().start >= purged_before
            and (since is None or period.end >= since)
        ]
        return sorted(periods, key=lambda period: (period.end, period.days))


class CapacityState(models.Model):
    """One row (id 1) about the whole of the samples; made by the first ingest."""

    time_zone = models.CharField(_("time zone of the days"), max_length=64)
    samples_purged_before = models.DateField(_("samples purged before"), null=True, blank=True)
    days_purged_before = models.DateField(_("day rows purged before"), null=True, blank=True)

    class Meta:
        db_table = "capacity_state"
        verbose_name = _("state of the samples")
        verbose_name_plural = _("state of the samples")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="capacity_state_one_row")]

    def __str__(self) -> str:
        return self.time_zone

    @classmethod
    def days_begin(cls) -> date:
        """The first day whose day rows are still there; periods that reach back behind it stay as they are."""
        return cls.objects.values_list("days_purged_before", flat=True).first() or date.min

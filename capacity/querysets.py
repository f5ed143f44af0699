from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, When

from .periods import Period


class DaysFromTo(models.Func):
    """How many days there are from one date field to another, both included."""

    output_field = models.IntegerField()
    template = "(%(expressions)s + 1)"
    arg_joiner = " - "

    def __init__(self, first: str, last: str) -> None:
        super().__init__(last, first)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # Its dates are texts.
        days = "CAST(julianday(%(expressions)s) + 1 AS integer)"
        return self.as_sql(compiler, connection, template=days, arg_joiner=") - julianday(")


class InstanceQuerySet(models.QuerySet[Any]):
    def active(self) -> "InstanceQuerySet":
        return self.filter(is_active=True)

    def collectable(self) -> "InstanceQuerySet":
        """Active, with a host to connect to, or of an engine whose sizes are read from a Prometheus."""
        mappings = apps.get_model("capacity", "PrometheusMapping")._default_manager
        read = mappings.in_use().filter(kind__in=("size", "data"), db_type=OuterRef("db_type"))
        return self.active().filter(~Q(host="") | Exists(read))

    def tagged(self, names: Iterable[str]) -> "InstanceQuerySet":
        """Those with one of these tags; of no names: all."""
        wanted = list(names)
        if not wanted:
            return self
        # Not a join, which would give an instance once for each of them that it has.
        pairs = self.model._meta.get_field("tags").remote_field.through._default_manager.filter(tag__name__in=wanted)
        return self.filter(pk__in=pairs.values("instance"))


class PrometheusMappingQuerySet(models.QuerySet[Any]):
    def in_use(self) -> "PrometheusMappingQuerySet":
        """Those of active sources, with their source."""
        return self.filter(source__is_active=True).select_related("source")


#: A database without a sample on so many days on which its instance has some is gone.
ABSENT_DAYS = 3


class DatabaseStateQuerySet(models.QuerySet[Any]):
    def present(self) -> "DatabaseStateQuerySet":
        """Those that are there, on active instances."""
        return self._absent().filter(instance__is_active=True, absent_days__lte=ABSENT_DAYS)

    def vanished(self, since: date | None = None) -> "DatabaseStateQuerySet":
        """Gone while their instance goes on; `since`: those whose last day is that one or later."""
        gone = self._absent().filter(absent_days__gt=ABSENT_DAYS)
        return gone.filter(last_day__gte=since) if since else gone

    def appeared(self, since: date) -> "DatabaseStateQuerySet":
        """New since that day on an instance that was there before."""
        later = {"later_days": DaysFromTo("instance__state__first_day", "first_day")}
        return self.alias(**later).filter(first_day__gte=since, later_days__gt=ABSENT_DAYS)

    def _absent(self) -> "DatabaseStateQuerySet":
        return self.alias(absent_days=DaysFromTo("last_day", "instance__state__last_day"))


class PeriodRowQuerySet(models.QuerySet[Any]):
    def with_days_missing(self) -> "PeriodRowQuerySet":
        """Rows made from fewer days than their period has."""
        return self.filter(covered_days__lt=DaysFromTo("period_start", "period_end"))


class StalePeriodQuerySet(models.QuerySet[Any]):
    def of(self, period: Period) -> "StalePeriodQuerySet":
        return self.filter(period_type=period.type, period_start=period.start)

    def complete(self, types: Collection[str], today: date) -> "StalePeriodQuerySet":
        """The marks of active instances for periods of those types that began before today."""
        marks = self.filter(period_type__in=types, period_start__lt=today, instance__is_active=True)
        return marks.order_by("period_start", "period_type")


class ForecastQuerySet(models.QuerySet[Any]):
    def newest(self) -> "ForecastQuerySet":
        """The one of each target that counts; none of a database that is gone."""
        return self.filter(is_newest=True)

    def full_next(self) -> "ForecastQuerySet":
        """Those with a date, the earliest first."""
        return self.newest().filter(expected_on__isnull=False).order_by("expected_on", "instance_id", "database_name")


class CapacityEventQuerySet(models.QuerySet[Any]):
    def since(self, day: date) -> "CapacityEventQuerySet":
        """That day included, the newest first."""
        return self.filter(day__gte=day)


class AlertQuerySet(models.QuerySet[Any]):
    def live(self) -> "AlertQuerySet":
        """Not resolved; those that still wait for their days included."""
        return self.filter(status__in=["pending", "open", "acknowledged"])

    def shown(self) -> "AlertQuerySet":
        """What people see as open: seen or not, but no longer waiting."""
        return self.filter(status__in=["open", "acknowledged"])

    def worst_first(self) -> "AlertQuerySet":
        """By severity, the newest of each first."""
        ranks = [When(severity=severity, then=rank) for rank, severity in enumerate(["critical", "warning"])]
        return self.order_by(Case(*ranks, default=len(ranks)), "-opened_at", "-pk")


class NotificationQuerySet(models.QuerySet[Any]):
    def due(self, now: datetime) -> "NotificationQuerySet":
        """To be sent now, on channels that are on."""
        return self.filter(status="pending", next_try_at__lte=now, channel__enabled=True)

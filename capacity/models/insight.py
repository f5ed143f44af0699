"""What is derived from day rows: where sizes go, and what happened. Written by `capacity.insight` alone."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from capacity.querysets import CapacityEventQuerySet, ForecastQuerySet

from .instance import Instance


def size(label: Any, **options: Any) -> "models.BigIntegerField[Any, Any]":
    return models.BigIntegerField(label, **options)


def forecast_size(label: Any) -> "models.BigIntegerField[Any, Any]":
    return size(label, null=True, blank=True)


def error_percent(label: Any) -> "models.DecimalField[Any, Any]":
    return models.DecimalField(
        label,
        max_digits=24,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("How far the size was from the forecast, in percent of the size when it was made."),
    )


class ForecastLevel(models.TextChoices):
    DATABASE = "database", _("Database")
    INSTANCE = "instance", _("Instance")
    VOLUME = "volume", _("Volume")
    FLEET = "fleet", _("Fleet")


class ForecastState(models.TextChoices):
    """Whether there is a date, and why not. One holds: the first of them that does."""

    TOO_LITTLE_HISTORY = "too_little_history", _("Collecting")  # fewer than four weeks
    OVER = "over", _("Full")  # the limit is reached
    NEW = "new", _("Being loaded")  # under 91 days old, and it has doubled
    NO_LIMIT = "no_limit", _("No limit known")
    DATE = "date", _("Full on")
    FLAT = "flat", _("Flat")  # less than 0.5 % in half a year
    SHRINKING = "shrinking", _("Shrinking")
    GROWING_SLOWLY = "growing_slowly", _("Growing slowly")  # not full within two years


class Confidence(models.TextChoices):
    LOW = "low", _("Low")  # under 56 days of history, or being loaded
    MEDIUM = "medium", _("Medium")  # under 91 days
    HIGH = "high", _("High")


class EventKind(models.TextChoices):
    JUMP = "jump", _("Jump")
    DROP = "drop", _("Drop")
    APPEARED = "appeared", _("Appeared")
    VANISHED = "vanished", _("Vanished")


class Forecast(models.Model):
    """Where a database, an instance, a volume or the fleet goes, made on its last day with samples.

    `is_newest` marks the one of its target that counts; a target that has no samples any more has none. One of
    each week stays, and is scored. Sizes are bytes, growth is bytes per week. On a volume that several share
    (`shared_key`), limit, state and dates are those of the volume.
    """

    # db_index=False: the unique constraint leads with the instance.
    instance = models.ForeignKey(
        Instance,
        on_delete=models.CASCADE,
        db_index=False,
        null=True,
        blank=True,
        related_name="forecasts",
        verbose_name=_("instance"),
        help_text=_("Empty for the fleet, and for a volume."),
    )
    level = models.CharField(_("level"), max_length=16, choices=ForecastLevel)
    database_name = models.CharField(_("database"), max_length=255, blank=True)
    shared_key = models.CharField(_("volume"), max_length=255, blank=True)
    week = models.DateField(_("week"), help_text=_("Its Monday: of each week one forecast stays."))
    made_on = models.DateField(_("made on"), help_text=_("The last day with samples: what is ahead counts from it."))
    calculated_at = models.DateTimeField(_("calculated at"))
    days_changed_at = models.DateTimeField(
        _("day rows as of"),
        null=True,
        blank=True,
        help_text=_("The latest change of its instance's day rows that is in it."),
    )
    is_newest = models.BooleanField(_("newest"), default=True)

    state = models.CharField(_("state"), max_length=32, choices=ForecastState)
    confidence = models.CharField(_("confidence"), max_length=16, choices=Confidence)
    days_covered = models.PositiveIntegerField(_("days of history"), help_text=_("Of the last year, with a size."))
    level_bytes = size(_("size"), help_text=_("The mean of the last week."))
    weekly_bytes = size(_("growth per week"))
    spread_bytes = size(_("spread"), help_text=_("Of the weekly growth."))
    headroom_bytes = size(_("peaks"), help_text=_("By how much they rise above the line."))
    limit_bytes = size(_("limit"), null=True, blank=True)
    expected_on = models.DateField(_("full on"), null=True, blank=True)
    earliest_on = models.DateField(_("full on, earliest"), null=True, blank=True)
    latest_on = models.DateField(_("full on, latest"), null=True, blank=True)
    size_30_bytes = forecast_size(_("in 30 days"))
    low_30_bytes = forecast_size(_("in 30 days, at least"))
    high_30_bytes = forecast_size(_("in 30 days, at most"))
    size_90_bytes = forecast_size(_("in 90 days"))
    low_90_bytes = forecast_size(_("in 90 days, at least"))
    high_90_bytes = forecast_size(_("in 90 days, at most"))
    size_180_bytes = forecast_size(_("in 180 days"))
    low_180_bytes = forecast_size(_("in 180 days, at least"))
    high_180_bytes = forecast_size(_("in 180 days, at most"))
    jumps = models.JSONField(
        _("jumps taken out"), default=list, help_text=_('[{"day": "2025-06-01", "bytes": -1024}, ...]')
    )
    error_30_percent = error_percent(_("error after 30 days"))
    error_90_percent = error_percent(_("error after 90 days"))
    error_180_percent = error_percent(_("error after 180 days"))

    objects = ForecastQuerySet.as_manager()

    class Meta:
        db_table = "capacity_forecasts"
        verbose_name = _("forecast")
        verbose_name_plural = _("forecasts")
        ordering = ["-made_on", "instance_id", "database_name"]
        constraints = [
            # Also serves the forecasts of one target, and those of a chunk of instances.
            models.UniqueConstraint(
                fields=["instance", "database_name", "level", "shared_key", "week"], name="capacity_forecasts_once"
            ),
            models.CheckConstraint(condition=Q(level__in=ForecastLevel.values), name="capacity_forecasts_level_known"),
            models.CheckConstraint(condition=Q(state__in=ForecastState.values), name="capacity_forecasts_state_known"),
            models.CheckConstraint(
                condition=Q(confidence__in=Confidence.values), name="capacity_forecasts_confidence_known"
            ),
        ]
        indexes = [
            # Serves the forecast beside each row of a list.
            models.Index(
                fields=["instance", "database_name"], condition=Q(is_newest=True), name="capacity_forecasts_newest"
            ),
            # Serves "full next".
            models.Index(
                fields=["expected_on"],
                condition=Q(is_newest=True, expected_on__isnull=False),
                name="capacity_forecasts_full",
            ),
            # Serves the volumes, and what is on one.
            models.Index(fields=["shared_key"], condition=~Q(shared_key=""), name="capacity_forecasts_shared"),
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()} {self.database_name or self.shared_key} {self.made_on}"


class CapacityEvent(models.Model):
    """What happened to a database on a day, or to an instance (no database name). Sizes are bytes.

    `details`: `days_before` [[day, bytes], ...] the sizes before it, oldest first; on a jump or drop of an instance
    `databases`, the names of those that have an event on that day.
    """

    # db_index=False: the unique constraint leads with the instance.
    instance = models.ForeignKey(
        Instance, on_delete=models.CASCADE, db_index=False, related_name="events", verbose_name=_("instance")
    )
    database_name = models.CharField(_("database"), max_length=255, blank=True)
    day = models.DateField(_("day"))
    kind = models.CharField(_("kind"), max_length=16, choices=EventKind)
    before_bytes = size(_("size before"))
    after_bytes = size(_("size after"))
    usual_bytes = size(_("usual largest change"), help_text=_("Of a day in this direction, in the last quarter."))
    details = models.JSONField(_("details"), default=dict)

    objects = CapacityEventQuerySet.as_manager()

    class Meta:
        db_table = "capacity_events"
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-day", "instance_id", "database_name"]
        constraints = [
            models.UniqueConstraint(fields=["instance", "database_name", "day", "kind"], name="capacity_events_once"),
            models.CheckConstraint(condition=Q(kind__in=EventKind.values), name="capacity_events_kind_known"),
        ]
        indexes = [
            # Serves "what changed", by day.
            models.Index(fields=["-day", "instance", "database_name"], name="capacity_events_day"),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.database_name} {self.day} {self.get_kind_display()}"

    @property
    def change_bytes(self) -> int:
        return self.after_bytes - self.before_bytes

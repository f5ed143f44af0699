"""What is derived from day rows: where sizes go, and what happened."""

from django.db import models
from django.utils.translation import gettext_lazy as _


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

"""How every database and instance is now, one row each, so that lists and pages read one row whatever the history.

Derived from day rows by `capacity.collection.states` alone; sizes and changes are bytes.
"""

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import F
from django.db.models.lookups import IsNull
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from capacity.querysets import DatabaseStateQuerySet

from .aggregates import percent
from .days import optional_size, size
from .instance import Instance

#: How long before the last day the size is that a change is measured from,
SPANS = {"week": timedelta(days=7), "month": timedelta(days=30)}
#: and how much earlier the one may be that stands for it, when samples are missing.
SLACK = timedelta(days=3)


class State(models.Model):
    """What both levels share. A change is against SPANS before `last_day`, or up to SLACK earlier."""

    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    last_sample_at = models.DateTimeField(_("last sample at"))
    last_size_bytes = size(_("last size"))
    week_change_bytes = optional_size(_("change in a week"))
    week_change_percent = percent(_("change in a week in percent"))
    month_change_bytes = optional_size(_("change in a month"))
    month_change_percent = percent(_("change in a month in percent"))

    class Meta:
        abstract = True

    def before(self, span: timedelta) -> int | None:
        """The size that the change of that span is measured from; None when there is none."""
        change = self.week_change_bytes if span == SPANS["week"] else self.month_change_bytes
        return None if change is None else self.last_size_bytes - change


#: The columns that lists are ordered by and that may be null.
CHANGES = ("week_change_bytes", "week_change_percent", "month_change_bytes", "month_change_percent")


def last_when_null(column: str, *, descending: bool = False) -> tuple[Any, Any]:
    """The terms of an order in which rows without a value come last either way; SQLite has no index NULLS LAST."""
    return IsNull(F(column), True), F(column).desc() if descending else F(column).asc()


def ordering_indexes(prefix: str, key: str) -> list[models.Index]:
    """Serve `?ordering=` of the lists and the tops of the dashboard a page at a time; `key` ends each order."""
    found = [models.Index("last_size_bytes", key, name=f"{prefix}_size")]  # read backwards for the largest
    for column in CHANGES:
        short = column.replace("_change", "")
        found.append(models.Index(*last_when_null(column), F(key), name=f"{prefix}_{short}_up"))
        down = last_when_null(column, descending=True)
        found.append(models.Index(*down, F(key).desc(), name=f"{prefix}_{short}_down"))
    return found


class DatabaseState(State):
    instance = models.ForeignKey(
        Instance, on_delete=models.CASCADE, db_index=False, related_name="databases", verbose_name=_("instance")
    )
    database_name = models.CharField(_("database"), max_length=255)

    objects = DatabaseStateQuerySet.as_manager()

    class Meta:
        db_table = "database_states"
        verbose_name = _("database")
        verbose_name_plural = _("databases")
        ordering = ["instance_id", "database_name"]
        constraints = [
            # Also serves the databases of one instance.
            models.UniqueConstraint(fields=["instance", "database_name"], name="database_states_once"),
        ]
        indexes = [
            *ordering_indexes("databases", "id"),
            # Serves look-ups of a name on whatever instances it is, and the order by name.
            models.Index(fields=["database_name", "id"], name="databases_name"),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.database_name}"


class InstanceState(State):
    instance = models.OneToOneField(
        Instance, on_delete=models.CASCADE, related_name="state", verbose_name=_("instance")
    )
    last_database_count = models.PositiveIntegerField(pgettext_lazy("how many", "databases"))

    class Meta:
        db_table = "instance_states"
        verbose_name = _("state of an instance")
        verbose_name_plural = _("states of instances")
        ordering = ["instance_id"]
        indexes = ordering_indexes("instances", "instance")

    def __str__(self) -> str:
        return str(self.instance)

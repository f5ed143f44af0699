"""How instances grow, and their sizes by day. Sizes are bytes."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, timedelta

from django.db.models import Exists, OuterRef

from capacity.models import CarriedDatabase, DatabaseDayStat, InstanceSizeStat
from capacity.models.days import CARRY_DAYS
from capacity.models.present import SLACK, SPANS

__all__ = ["LATE_AFTER", "MONTH", "SLACK", "WEEK", "carried_names", "daily_sizes", "days_until"]

WEEK, MONTH = SPANS["week"], SPANS["month"]
#: A last sample older than this is late.
LATE_AFTER = timedelta(days=2)


def daily_sizes(instance_ids: Collection[int], first: date, last: date) -> dict[int, dict[date, int]]:
    """{instance id: {day: bytes}} of the days that have a sample, both ends included. One query."""
    rows = InstanceSizeStat.objects.filter(instance__in=instance_ids, collected_on__range=(first, last))
    sizes: defaultdict[int, dict[date, int]] = defaultdict(dict)
    for instance_id, day, total in rows.order_by().values_list("instance_id", "collected_on", "total_size_bytes"):
        sizes[instance_id][day] = total
    return sizes


def carried_names(instance_id: int, day: date) -> list[str]:
    """The databases that count in that day of an instance with an older size, as they could not be sized. One query.

    The same rule as that of the day row's `carried_databases`.
    """
    sized = DatabaseDayStat.objects.filter(instance=instance_id, database_name=OuterRef("database_name"))
    known = sized.filter(collected_on__gte=day - timedelta(days=CARRY_DAYS), collected_on__lt=day)
    rows = CarriedDatabase.objects.filter(Exists(known), ~Exists(sized.filter(collected_on=day)))
    found = rows.filter(instance=instance_id, collected_on=day).order_by("database_name")
    return list(found.values_list("database_name", flat=True))


def days_until(last: date, count: int) -> list[date]:
    """That many days, the last one included."""
    return [last - timedelta(days=back) for back in reversed(range(count))]

"""How large instances are and how they grow, from their day rows. Sizes are bytes."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, timedelta

from django.db.models import F, OuterRef, QuerySet, Subquery

from capacity.models import Instance, InstanceSizeStat

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
#: How many days older than a week or a month a size may be to stand for it, when samples are missing.
SLACK = timedelta(days=3)
#: A last sample older than this is late.
LATE_AFTER = timedelta(days=2)


def with_growth(instances: QuerySet[Instance]) -> QuerySet[Instance]:
    """Adds to each instance, null where there is no such day:

    last_day, last_sample_at, last_bytes, last_databases: of its latest day;
    week_ago_bytes, month_ago_bytes: its size a week and a month before that day, or up to SLACK earlier;
    week_change, month_change: the latest size less these.
    """
    # Each is one look-up in the unique index on (instance, day).
    days = InstanceSizeStat.objects.filter(instance=OuterRef("pk")).order_by("-collected_on")

    def ago(span: timedelta) -> Subquery:
        # A day less a span is a moment to both databases, and midnight comes after its day to SQLite:
        # "later than the day before", not "from that day on".
        earliest = OuterRef("last_day") - span - SLACK - timedelta(days=1)
        around = days.filter(collected_on__lte=OuterRef("last_day") - span, collected_on__gt=earliest)
        return Subquery(around.values("total_size_bytes")[:1])

    return instances.annotate(
        last_day=Subquery(days.values("collected_on")[:1]),
        last_sample_at=Subquery(days.values("collected_at")[:1]),
        last_bytes=Subquery(days.values("total_size_bytes")[:1]),
        last_databases=Subquery(days.values("database_count")[:1]),
        week_ago_bytes=ago(WEEK),
        month_ago_bytes=ago(MONTH),
        week_change=F("last_bytes") - F("week_ago_bytes"),
        month_change=F("last_bytes") - F("month_ago_bytes"),
    )


def daily_sizes(instance_ids: Collection[int], first: date, last: date) -> dict[int, dict[date, int]]:
    """{instance id: {day: bytes}} of the days that have a sample, both ends included. One query."""
    rows = InstanceSizeStat.objects.filter(instance__in=instance_ids, collected_on__range=(first, last))
    sizes: defaultdict[int, dict[date, int]] = defaultdict(dict)
    for instance_id, day, total in rows.order_by().values_list("instance_id", "collected_on", "total_size_bytes"):
        sizes[instance_id][day] = total
    return sizes


def days_until(last: date, count: int) -> list[date]:
    """That many days, the last one included."""
    return [last - timedelta(days=back) for back in reversed(range(count))]

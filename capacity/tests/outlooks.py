"""Databases with a past, limits and forecasts, as the pages of what is full next need them."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from capacity.insight.refresh import refresh, refresh_fleet
from capacity.models import CapacityEvent, CapacityLimit, Forecast
from capacity.periods import today
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_days, add_samples

GIB = 2**30


def days_ago(count):
    return today() - timedelta(days=count)


def add_past(instance, database, sizes, last=0):
    """A sample a day, in GiB, the last one that many days ago; the instance's day rows are its databases'."""
    add_samples(instance, database, {days_ago(back): size * GIB for back, size in enumerate(reversed(sizes), last)})


def add_totals(instance, days):
    found = defaultdict(list)
    for day, size in instance.database_days.values_list("collected_on", "last_size_bytes"):
        found[day].append(size)
    wanted = map(days_ago, range(days))
    add_days(instance, {day: (sum(found[day]), len(found[day])) for day in wanted})


def limit(instance, gib, database="", source="manual", shared_key=""):
    return CapacityLimit.objects.create(
        instance=instance, database_name=database, limit_bytes=gib * GIB, source=source, shared_key=shared_key
    )


def forecast_of(instance, database="", state="no_limit", **fields):
    """A newest forecast put straight into the table; a date is there with its range."""
    if "expected_on" in fields:
        fields = {"earliest_on": fields["expected_on"], "latest_on": fields["expected_on"], **fields}
    return Forecast.objects.create(
        **{
            "instance": instance,
            "database_name": database,
            "level": "database" if database else "instance",
            "week": today(),
            "made_on": today(),
            "calculated_at": datetime(2025, 1, 1, tzinfo=UTC),
            "state": state,
            "confidence": "high",
            "days_covered": 91,
            "level_bytes": 10 * GIB,
            "weekly_bytes": GIB,
            "spread_bytes": 0,
            "headroom_bytes": 0,
            **fields,
        }
    )


def event_of(instance, database="", day=None, kind="drop", before=10, after=4, usual=1, **details):
    return CapacityEvent.objects.create(
        instance=instance,
        database_name=database,
        day=day or today(),
        kind=kind,
        before_bytes=before * GIB,
        after_bytes=after * GIB,
        usual_bytes=usual * GIB,
        details=details,
    )


def make_stories():
    """{name: instance}: of "a" sales grows, audit shrank, old is gone and new has come; "b" is another."""
    made = {"a": make_instance("a", tags=["team:billing"]), "b": make_instance("b", db_type="mysql", tags=["prod"])}
    for database, past, last in [
        ("sales", [100] * 34 + [120] * 5 + [130], 0),
        ("audit", [50] * 39 + [30], 0),
        ("old", [80] * 20, 20),
        ("new", [5] * 3, 0),
    ]:
        add_past(made["a"], database, past, last)
    add_past(made["b"], "app", [10] * 40)
    for one in made.values():
        add_totals(one, 40)
    return made


def refresh_all(*instances):
    refresh([one.pk for one in instances], timezone.now())
    refresh_fleet(timezone.now())

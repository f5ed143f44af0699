"""manage.py rezone: another time zone, after the fact."""

from collections import Counter
from datetime import UTC, date, datetime
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

from capacity.collection.ingest import ingest
from capacity.inventory.deletion import HISTORY
from capacity.models import (
    CapacityState,
    DatabaseDayStat,
    DatabaseSizeStat,
    DatabaseState,
    Instance,
    InstanceSizeStat,
    InstanceState,
    StalePeriod,
)
from capacity.schedules import install_schedules
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.others import start_beside
from capacity.tests.samples import aggregate, database_rows, instance_rows, the

from .rezoning import days_of_samples, refused, rezone

pytestmark = pytest.mark.django_db

OLD = "Asia/Shanghai"


@pytest.fixture
def zone(settings):
    """Sets the time zone of the settings."""

    def choose(name):
        settings.TIME_ZONE = settings.CELERY_TIMEZONE = name

    choose(OLD)
    return choose


def marks():
    return set(StalePeriod.objects.values_list("instance", "period_type", "period_start"))


def everything():
    """What depends on days, row for row, by the names of the instances."""
    names = dict(Instance.objects.values_list("pk", "name"))
    samples = DatabaseSizeStat.objects.order_by("collected_at", "database_name", "instance__name")
    days = InstanceSizeStat.objects.order_by("collected_on", "instance__name")
    return {
        "samples": list(samples.values("instance__name", "database_name", "collected_on", "collected_at")),
        "days": list(days.values("instance__name", "collected_on", "total_size_bytes", "database_count")),
        "database days": list(
            DatabaseDayStat.objects.order_by("collected_on", "instance__name", "database_name").values(
                "instance__name", "database_name", "collected_on", "sample_count", "sum_size_bytes", "last_size_bytes"
            )
        ),
        "states": [
            list(
                model.objects.order_by("instance__name", "last_day").values("instance__name", "last_day", "first_day")
            )
            for model in (DatabaseState, InstanceState)
        ],
        "rows": [
            {**row, "instance_id": names[row["instance_id"]]}
            for rows in (database_rows, instance_rows)
            for row in rows()
        ],
    }


def aggregate_stale():
    call_command("aggregate", "--stale", stdout=StringIO())


def a_history(*instances):
    """Samples at every hour at which some zone begins its day, over the ends of two months and a year."""
    times = [datetime(2024, 12, day, hour, tzinfo=UTC) for day in (8, 30, 31) for hour in (0, 4, 5, 10, 16, 20)]
    times += [datetime(2025, 1, 31, hour, 30, tzinfo=UTC) for hour in (3, 4, 15, 16, 23)]
    return [
        a_sample(instance, at, 1000 * number + order, database)
        for number, instance in enumerate(instances, 1)
        for order, at in enumerate(times)
        for database in ("app", "crm")[: 1 + order % 2]
    ]


@pytest.mark.parametrize("new", ["America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "UTC"])
def test_everything_becomes_as_if_the_samples_had_come_in_in_the_new_zone(zone, new):
    fleet = [make_instance("pg-1"), make_instance("pg-2")]
    ingest(a_history(*fleet))
    aggregate_stale()
    zone(new)
    rezone()
    aggregate_stale()
    rezoned = everything()
    for model in (*HISTORY.values(), CapacityState):
        model.objects.all().delete()
    ingest(a_history(*fleet))
    aggregate_stale()
    assert rezoned == everything()


def test_a_sample_gets_the_day_of_its_moment_summer_time_and_fractions_of_a_second_included(zone):
    one = make_instance()
    moments = ["2025-03-10T03:59:59.999999Z", "2025-03-10T04:00:00Z", "2025-11-03T04:59:59Z", "2025-11-03T05:00:00Z"]
    ingest([a_sample(one, moment) for moment in moments])
    zone("America/New_York")
    rezone()
    assert days_of_samples() == [date(2025, 3, 9), date(2025, 3, 10), date(2025, 11, 2), date(2025, 11, 3)]


def test_every_period_with_samples_and_the_one_after_it_is_stale_of_each_instance(zone):
    one, other = make_instance(), make_instance(is_active=False)
    ingest([a_sample(one, "2025-03-05T03:00:00+08:00"), a_sample(other, "2025-03-05T12:00:00+08:00")])
    StalePeriod.objects.all().delete()
    zone("UTC")
    rezone()
    longer = [("weekly", "2025-03-03"), ("weekly", "2025-03-10"), ("monthly", "2025-03-01")]
    longer += [("monthly", "2025-04-01"), ("quarterly", "2025-01-01"), ("quarterly", "2025-04-01")]
    of_one = [("daily", "2025-03-04"), ("daily", "2025-03-05"), *longer]
    of_other = [("daily", "2025-03-05"), ("daily", "2025-03-06"), *longer]
    wanted = [(one, of_one), (other, of_other)]
    assert marks() == {(x.pk, kind, date.fromisoformat(start)) for x, periods in wanted for kind, start in periods}


def test_rows_of_a_period_without_samples_are_deleted_and_all_others_stay(zone):
    one = make_instance()
    ingest([a_sample(one, "2025-03-05T03:00:00+08:00", database="moves"), a_sample(one, "2025-03-05T12:00:00+08:00")])
    ingest([a_sample(one, "2025-03-07T03:00:00+08:00", database="moves")])
    for day in ("2025-03-05", "2025-03-07"):
        aggregate(the("daily", day))
    aggregate(the("weekly", "2025-03-05"))
    zone("UTC")
    rezone()
    assert [(row["period_type"], str(row["period_start"]), row["database_name"]) for row in database_rows()] == [
        ("daily", "2025-03-05", "sales"),
        ("weekly", "2025-03-03", "moves"),
        ("weekly", "2025-03-03", "sales"),
    ]
    assert [(row["period_type"], str(row["period_start"])) for row in instance_rows()] == [
        ("daily", "2025-03-05"),
        ("weekly", "2025-03-03"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        (OLD, "UTC", "2025-03-05"),  # begins at 16:00 of the 4th
        ("UTC", OLD, "2025-03-06"),  # begins at 08:00 of the 5th
        (OLD, "Asia/Singapore", "2025-03-05"),  # has the same days
        ("Pacific/Pago_Pago", "Pacific/Kiritimati", "2025-03-07"),  # begins at 01:00 of the 6th
    ],
)
def test_after_a_purge_day_rows_are_derived_from_the_first_whole_day_on(zone, old, new, first):
    zone(old)
    one = make_instance()
    hours = [datetime(2025, 3, day, hour, tzinfo=UTC) for day in (4, 5, 6, 7) for hour in range(24)]
    ingest([a_sample(one, hour) for hour in hours])
    CapacityState.objects.update(samples_purged_before=date(2025, 3, 5))
    DatabaseSizeStat.objects.filter(collected_on__lt=date(2025, 3, 5)).delete()
    before = dict(DatabaseDayStat.objects.values_list("collected_on", "sample_count"))
    zone(new)
    rezone()
    begins = date.fromisoformat(first)
    assert CapacityState.objects.get().samples_purged_before == begins
    counts = dict(DatabaseDayStat.objects.values_list("collected_on", "sample_count"))
    assert {day: count for day, count in counts.items() if day < begins} == {
        day: count for day, count in before.items() if day < begins
    }
    here = Counter(hour.astimezone(ZoneInfo(new)).date() for hour in hours)
    assert {day: count for day, count in counts.items() if day >= begins} == {
        day: count for day, count in here.items() if day >= begins
    }


def test_rows_of_a_purged_time_stay_as_they_are(zone):
    one = make_instance()
    ingest([a_sample(one, "2025-03-03T12:00:00+08:00"), a_sample(one, "2025-03-09T12:00:00+08:00")])
    aggregate_stale()
    before = [row for row in database_rows() if row["period_start"] < date(2025, 3, 5)]
    CapacityState.objects.update(samples_purged_before=date(2025, 3, 5))
    DatabaseSizeStat.objects.filter(collected_on__lt=date(2025, 3, 5)).delete()
    zone("UTC")
    rezone()
    aggregate_stale()
    assert before
    assert [row for row in database_rows() if row["period_start"] < date(2025, 3, 5)] == before


def test_crontabs_of_the_old_zone_and_of_our_schedules_move_and_others_stay(zone):
    ingest([a_sample(make_instance())])
    elsewhere = CrontabSchedule.objects.create(minute="5", timezone="America/New_York")
    theirs = CrontabSchedule.objects.create(minute="6", timezone="America/New_York")
    nightly = CrontabSchedule.objects.create(minute="7", timezone=OLD)
    PeriodicTask.objects.filter(name="WhaleFall: purge").update(crontab=elsewhere)
    PeriodicTask.objects.create(name="a report", task="their.report", crontab=theirs)
    PeriodicTask.objects.create(name="in the old zone", task="their.report", crontab=nightly)
    before = PeriodicTasks.last_change()
    zone("Europe/Berlin")
    rezone()
    zones = {task.name: str(task.crontab.timezone) for task in PeriodicTask.objects.exclude(crontab=None)}
    assert zones.pop("a report") == "America/New_York"
    assert set(zones.values()) == {"Europe/Berlin"}
    assert PeriodicTasks.last_change() > before


def test_a_crontab_that_is_there_already_is_not_made_twice(zone):
    ingest([a_sample(make_instance())])
    there = CrontabSchedule.objects.create(minute="0", hour="3", timezone="Europe/Berlin")
    zone("Europe/Berlin")
    rezone()
    assert PeriodicTask.objects.get(name="WhaleFall: collect").crontab == there
    PeriodicTask.objects.get(name="WhaleFall: collect").delete()
    assert install_schedules() == ["WhaleFall: collect"]


def test_a_day_that_becomes_too_large_changes_nothing(zone):
    one = make_instance()
    # On two days in the old zone, on one in the new.
    ingest([a_sample(one, "2025-03-05T12:00:00+08:00", 2**62), a_sample(one, "2025-03-06T02:00:00+08:00", 2**62, "b")])
    zone("UTC")
    before = everything()
    assert refused() == "Nothing is changed: in UTC the sizes of a day add up to more than 2^63-1 bytes."
    assert everything() == before
    assert CapacityState.objects.get().time_zone == OLD


@pytest.mark.django_db(transaction=True)
def test_samples_that_are_coming_in_are_waited_for_even_those_of_a_new_instance(zone):
    ingest([a_sample(make_instance(), "2025-03-05T03:00:00+08:00")])
    new = Instance(name="new", db_type="oracle")
    with transaction.atomic():
        ingest([a_sample(Instance(pk=-1), "2025-03-05T04:00:00+08:00")], new_instances={-1: new})
        zone("UTC")
        rezoned = start_beside(rezone)
    rezoned.result(timeout=30)
    assert days_of_samples() == [date(2025, 3, 4), date(2025, 3, 4)]

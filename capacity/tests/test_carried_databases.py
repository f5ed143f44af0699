"""A database that a collection lists and cannot size counts with its last known size: not sized is not shrunk."""

from datetime import datetime

import pytest

from capacity.collection.ingest import NotSized, ingest
from capacity.insight.growth import carried_names
from capacity.models import CarriedDatabase, InstanceSizeStat, InstanceState
from capacity.tests.factories import a_sample, make_instance, marks
from capacity.tests.rezoning import rezone
from capacity.tests.samples import aggregate, instance_rows, the

pytestmark = pytest.mark.django_db


@pytest.fixture
def instance():
    return make_instance("pg")


def collect(instance, day, sized, not_sized=(), hour=3):
    """A collection of that day in March."""
    at = datetime.fromisoformat(f"2025-03-{day:02}T{hour:02}:00:00+08:00")
    samples = [a_sample(instance, at, size, name) for name, size in sized.items()]
    return ingest(samples, not_sized=[NotSized(instance.pk, name, at) for name in not_sized])


def total(day):
    """(bytes, databases, carried ones) of that day in March."""
    columns = ("total_size_bytes", "database_count", "carried_databases")
    return InstanceSizeStat.objects.values_list(*columns).get(collected_on=f"2025-03-{day:02}")


def test_a_database_that_cannot_be_sized_any_more_does_not_shrink_its_instance(instance):
    collect(instance, 4, {"bigdb": 54_615_399, "app": 30_514_900})
    collect(instance, 5, {"app": 30_514_900}, ["bigdb"])

    aggregate(the("daily", "2025-03-05"))

    [row] = instance_rows()
    assert (row["total_size_change_bytes"], row["database_count_change"], row["trend_direction"]) == (0, 0, "stable")
    assert total(5) == (85_130_299, 2, 1)
    assert InstanceState.objects.get().last_database_count == 2
    assert carried_names(instance.pk, InstanceState.objects.get().last_day) == ["bigdb"]


@pytest.mark.parametrize(("day", "expected"), [(11, (105, 2, 1)), (12, (5, 1, 0))])
def test_a_size_is_carried_for_seven_days(instance, day, expected):
    collect(instance, 4, {"bigdb": 100})
    collect(instance, day, {"app": 5}, ["bigdb"])
    assert total(day) == expected


def test_one_that_was_never_sized_counts_for_nothing(instance):
    collect(instance, 5, {"app": 5}, ["new", "odd\u200bname"])
    assert total(5) == (5, 1, 0)
    assert list(CarriedDatabase.objects.values_list("database_name", flat=True)) == ["new"]


def test_one_that_is_sized_later_that_day_counts_with_that(instance):
    collect(instance, 4, {"bigdb": 100})
    collect(instance, 5, {"app": 5}, ["bigdb"])
    collect(instance, 5, {"app": 6}, ["bigdb"], hour=4)
    assert total(5) == (106, 2, 1)

    collect(instance, 5, {"bigdb": 120}, hour=5)

    assert total(5) == (126, 2, 0)
    assert carried_names(instance.pk, InstanceState.objects.get().last_day) == []


def test_one_that_was_sized_earlier_that_day_keeps_that_size(instance):
    collect(instance, 5, {"app": 5, "bigdb": 100})
    collect(instance, 5, {"app": 6}, ["bigdb"], hour=4)
    assert total(5) == (106, 2, 0)


def test_a_late_sample_of_a_day_before_changes_what_is_carried(instance):
    collect(instance, 3, {"bigdb": 100})
    collect(instance, 5, {"app": 5}, ["bigdb"])

    assert collect(instance, 4, {"bigdb": 130}).days == 2

    assert total(5) == (135, 2, 1)
    assert "2025-03-06" in marks(instance)["daily"]


def test_another_instance_carries_nothing(instance):
    collect(instance, 4, {"bigdb": 100})
    other = make_instance("other")
    collect(other, 5, {"app": 5}, ["bigdb"])
    assert total(5) == (5, 1, 0)


def test_names_without_samples_do_not_keep_an_instance(instance):
    collect(instance, 5, {}, ["bigdb"])
    instance.delete()
    assert not CarriedDatabase.objects.exists()


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_it_goes_on_counting_when_the_days_move_to_another_zone(instance, settings, zone):
    settings.TIME_ZONE = settings.CELERY_TIMEZONE = "Asia/Shanghai"
    collect(instance, 3, {"app": 1, "bigdb": 900})
    for day in (4, 5, 6):
        collect(instance, day, {"app": 1}, ["bigdb"])
    settings.TIME_ZONE = settings.CELERY_TIMEZONE = zone
    rezone()
    columns = ("total_size_bytes", "database_count", "carried_databases")
    assert list(InstanceSizeStat.objects.order_by("collected_on").values_list(*columns)) == [
        (901, 2, 0),
        *[(901, 2, 1)] * 3,
    ]

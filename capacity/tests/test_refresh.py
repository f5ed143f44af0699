"""Forecasts and events as they are kept, made from what ingest stored."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.db.models import Q
from django.utils import timezone

from capacity.collection.ingest import ingest
from capacity.insight.limits import volume_mates
from capacity.insight.refresh import due, refresh, refresh_fleet
from capacity.insight.scores import median_error
from capacity.models import CapacityEvent, CapacityLimit, CarriedDatabase, Forecast
from capacity.tests.days import LAST
from capacity.tests.factories import a_sample, make_instance

pytestmark = pytest.mark.django_db

GIB = 2**30


def at(day, hour=3):
    return datetime.combine(day, time(hour), timezone.get_default_timezone())


NOW = at(LAST, 12)


def add_days(instance, last=LAST, **databases):
    """A sample a day of each database, in GiB, the last one on `last`; None is a day without."""
    ingest(
        [
            a_sample(instance, at(last - timedelta(days=back)), int(size * GIB), database)
            for database, sizes in databases.items()
            for back, size in enumerate(reversed(sizes))
            if size is not None
        ],
        now=at(last, 4),
    )


def growing(days, start=1000, by=1):
    return [start + by * day for day in range(days)]


def ago(days):
    return LAST - timedelta(days=days)


def the_forecast(instance=None, database="", level="database", **fields):
    return Forecast.objects.newest().get(instance=instance, database_name=database, level=level, **fields)


def limit(instance, gib, database="", source="manual", **fields):
    return CapacityLimit.objects.create(
        instance=instance, database_name=database, limit_bytes=int(gib * GIB), source=source, **fields
    )


def test_each_database_the_instance_and_the_fleet_have_a_forecast():
    instance, other = make_instance(), make_instance()
    add_days(instance, app=growing(100), web=growing(100, start=900, by=2))
    add_days(other, app=growing(100))
    done = refresh([instance.pk, other.pk], NOW)
    refresh_fleet(NOW)
    assert (done[instance.pk].forecasts, done[other.pk].forecasts) == (3, 2)
    rows = Forecast.objects.newest().order_by("level", "instance", "database_name")
    assert list(rows.values_list("level", "instance", "database_name", "weekly_bytes", "made_on")) == [
        ("database", instance.pk, "app", 7 * GIB, LAST),
        ("database", instance.pk, "web", 14 * GIB, LAST),
        ("database", other.pk, "app", 7 * GIB, LAST),
        ("fleet", None, "", 28 * GIB, LAST),
        ("instance", instance.pk, "", 21 * GIB, LAST),
        ("instance", other.pk, "", 7 * GIB, LAST),
    ]
    app = the_forecast(instance, "app")
    assert (app.level_bytes, app.size_30_bytes) == (1096 * GIB, 1129 * GIB)
    assert (app.state, app.confidence, app.days_covered) == ("no_limit", "high", 100)


def test_of_several_limits_that_of_the_strongest_source_counts():
    instance = make_instance()
    add_days(instance, app=growing(100))
    for gib, source in ((1110, "volume"), (1120, "file"), (1130, "tablespace")):
        limit(instance, gib, "app", source)
        refresh([instance.pk], NOW)
        assert the_forecast(instance, "app").limit_bytes == gib * GIB
    limit(instance, 1150, "app", "manual")
    refresh([instance.pk], NOW)
    found = the_forecast(instance, "app")
    # 1,096 + (h + 3) reaches 1,150.
    assert (found.state, found.limit_bytes, found.expected_on) == ("date", 1150 * GIB, LAST + timedelta(days=51))
    assert the_forecast(instance, level="instance").state == "no_limit"


def test_a_shared_volume_is_full_for_all_that_are_on_it():
    instance, other, alone = make_instance(), make_instance(), make_instance()
    add_days(instance, app=growing(100), web=growing(100, by=0), log=growing(100))
    add_days(other, app=growing(100))
    add_days(alone, app=growing(100))
    for owner, database in ((instance, "app"), (instance, "web"), (other, "")):
        limit(owner, 3300, database, "volume", shared_key="san-1")
    [mates, [single]] = volume_mates([instance.pk, alone.pk])
    assert (mates, single) == ([instance.pk, other.pk], alone.pk)
    refresh(mates, NOW)
    volume = the_forecast(level="volume", shared_key="san-1")
    assert (volume.level_bytes, volume.weekly_bytes, volume.state) == (3192 * GIB, 14 * GIB, "date")
    still = the_forecast(instance, "web")
    assert (still.weekly_bytes, still.state, still.limit_bytes) == (0, "date", 3300 * GIB)
    assert still.expected_on == volume.expected_on == LAST + timedelta(days=51)
    assert the_forecast(other, level="instance").expected_on == volume.expected_on
    assert the_forecast(instance, "log").state == "no_limit"


def test_an_instance_on_a_volume_counts_once_with_its_databases():
    instance = make_instance()
    add_days(instance, app=growing(100), web=growing(100))
    for database in ("", "app"):
        limit(instance, 600, database, "volume", shared_key="D:")
    refresh([instance.pk], NOW)
    assert the_forecast(level="volume", shared_key="D:").level_bytes == 2192 * GIB


def test_one_forecast_of_each_week_stays_and_the_last_one_is_the_newest():
    instance = make_instance()
    for back in (9, 7, 2, 0):  # Friday, Sunday, Friday, Sunday
        add_days(instance, ago(back), app=growing(60))
        refresh([instance.pk], at(ago(back), 12))
    rows = Forecast.objects.filter(level="database").order_by("made_on")
    assert list(rows.values_list("made_on", "is_newest")) == [(ago(7), False), (LAST, True)]


def test_an_instance_is_due_until_its_day_rows_and_limits_are_in_a_forecast():
    instance, off = make_instance(), make_instance(is_active=False)
    make_instance("without a day")
    for one in (instance, off):
        add_days(one, app=growing(40))
    assert list(due()) == [instance]
    refresh([instance.pk], at(LAST, 5))
    assert list(due()) == []
    ingest([a_sample(instance, at(LAST, 6), GIB, "app")], now=at(LAST, 7))
    assert list(due()) == [instance]
    refresh([instance.pk], at(LAST, 8))
    limit(instance, 300)
    assert list(due()) == [instance]


def test_without_a_day_nothing_is_made():
    instance = make_instance()
    assert refresh([instance.pk], NOW) == {}
    refresh_fleet(NOW)
    assert not Forecast.objects.exists()


def test_what_vanished_has_no_forecast_and_an_event():
    instance = make_instance()
    add_days(instance, app=growing(60), gone=[*growing(57), None, None, None])
    refresh([instance.pk], NOW)
    assert not Forecast.objects.filter(database_name="gone").exists()
    event = CapacityEvent.objects.get()
    assert (event.database_name, event.day, event.kind) == ("gone", ago(2), "vanished")
    assert (event.before_bytes, event.after_bytes) == (1056 * GIB, 0)


def test_a_database_that_cannot_be_sized_has_not_vanished():
    instance = make_instance()
    add_days(instance, app=growing(60), locked=[*growing(57), None, None, None])
    for back in range(3):
        CarriedDatabase.objects.create(instance=instance, collected_on=ago(back), database_name="locked")
    refresh([instance.pk], NOW)
    assert not CapacityEvent.objects.exists()
    assert the_forecast(instance, "locked").made_on == ago(3)


def test_a_jump_is_an_event_of_the_database_and_of_the_instance():
    instance = make_instance()
    add_days(instance, app=[*growing(60, by=0), 1600], web=growing(61, by=0))
    assert refresh([instance.pk], NOW)[instance.pk].new_events == 2
    of_instance, of_database = CapacityEvent.objects.order_by("database_name")
    assert (of_database.kind, of_database.before_bytes, of_database.after_bytes) == ("jump", 1000 * GIB, 1600 * GIB)
    assert of_database.details == {"days_before": [[ago(back).isoformat(), 1000 * GIB] for back in range(5, 0, -1)]}
    assert (of_instance.database_name, of_instance.change_bytes) == ("", 600 * GIB)
    assert of_instance.details["databases"] == ["app"]


def test_a_second_run_writes_no_event_again():
    instance = make_instance()
    add_days(instance, app=[*growing(60, by=0), 1600])
    refresh([instance.pk], NOW)
    before = list(CapacityEvent.objects.order_by("pk").values())
    assert refresh([instance.pk], NOW)[instance.pk].new_events == 0
    assert list(CapacityEvent.objects.order_by("pk").values()) == before


def test_an_event_that_a_late_sample_explains_goes():
    instance = make_instance()
    add_days(instance, app=growing(60), late=[*growing(50), *[None] * 10])
    refresh([instance.pk], NOW)
    assert CapacityEvent.objects.filter(kind="vanished").exists()
    add_days(instance, late=growing(60))
    refresh([instance.pk], NOW)
    assert not CapacityEvent.objects.exists()


def test_a_day_on_which_collecting_failed_for_most_is_no_drop():
    instance = make_instance()
    days = {f"db{number}": growing(60) for number in range(5)}
    for number in range(4):
        days[f"db{number}"][40] = None
    add_days(instance, **days)
    refresh([instance.pk], NOW)
    assert not CapacityEvent.objects.exists()
    assert the_forecast(instance, level="instance").days_covered == 59


def test_an_instance_that_got_a_database_keeps_its_history():
    instance = make_instance()
    add_days(instance, app=growing(60), new=[*[None] * 50, *growing(10, start=300)])
    refresh([instance.pk], NOW)
    found = the_forecast(instance, level="instance")
    assert (found.days_covered, found.state) == (60, "no_limit")


def test_a_forecast_is_scored_when_its_day_has_come():
    instance = make_instance()
    add_days(instance, ago(30), app=growing(60))
    refresh([instance.pk], at(ago(30), 12))
    refresh_fleet(at(ago(30), 12))
    forecast = the_forecast(instance, "app")
    assert (forecast.level_bytes, forecast.size_30_bytes) == (1056 * GIB, 1089 * GIB)
    add_days(instance, app=[*growing(29, start=1060), 1015.08])
    refresh([instance.pk], NOW)
    refresh_fleet(NOW)
    forecast.refresh_from_db()
    # 73.92 of 1,056 GiB
    assert (forecast.error_30_percent, forecast.error_90_percent) == (Decimal("7.00"), None)
    of_fleet = Forecast.objects.get(level="fleet", made_on=ago(30))
    assert of_fleet.error_30_percent == Decimal("7.00")
    assert median_error(30, Q(instance=instance)) == 7


def test_a_day_without_a_sample_is_scored_by_one_up_to_three_days_before():
    instance = make_instance()
    add_days(instance, ago(30), app=growing(60), web=growing(60))
    refresh([instance.pk], at(ago(30), 12))
    add_days(instance, app=[1089, *[None] * 3], web=[1089, *[None] * 4], other=[1])
    refresh([instance.pk], NOW)
    scores = Forecast.objects.filter(made_on=ago(30), level="database").order_by("database_name")
    assert list(scores.values_list("error_30_percent", flat=True)) == [Decimal("0.00"), None]


def test_a_size_is_never_stored_below_zero():
    instance = make_instance()
    add_days(instance, app=growing(60, start=100, by=-0.5))
    refresh([instance.pk], NOW)
    found = the_forecast(instance, "app")
    assert (found.size_180_bytes, found.low_180_bytes) == (0, 0)
    assert found.weekly_bytes == -3.5 * GIB


def test_a_volume_that_nobody_is_on_any_more_has_no_forecast_that_counts():
    instance = make_instance()
    add_days(instance, app=growing(60))
    limit(instance, 600, "app", "volume", shared_key="D:")
    refresh([instance.pk], NOW)
    CapacityLimit.objects.all().delete()
    refresh([instance.pk], NOW)
    refresh_fleet(NOW)
    assert not Forecast.objects.newest().filter(level="volume").exists()


def test_the_history_that_counts_ends_with_the_last_sample_however_long_ago():
    instance = make_instance()
    add_days(instance, date(2022, 5, 1), app=growing(100))
    refresh([instance.pk], NOW)
    assert the_forecast(instance, "app").made_on == date(2022, 5, 1)

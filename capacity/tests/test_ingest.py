"""What ingest stores of a good batch: samples, day rows, stale marks. Days are those of Asia/Shanghai."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from capacity.collection import staging
from capacity.collection.ingest import IngestResult, Sample, ingest
from capacity.errors import TimeZoneChanged
from capacity.models import CapacityState, DatabaseDayStat, DatabaseSizeStat, InstanceSizeStat
from capacity.tests.factories import a_sample, days, make_instance, marks, samples, utc

pytestmark = pytest.mark.django_db

MARCH_5 = date(2025, 3, 5)


@pytest.fixture
def instance():
    return make_instance()


def test_a_batch_becomes_samples_and_a_day_row_per_instance_and_day(instance):
    other = make_instance()

    result = ingest(
        [
            a_sample(other, "2025-03-05T10:00:00+08:00", 7),
            a_sample(instance, "2025-03-06T10:00:00+08:00", 300),
            a_sample(instance, "2025-03-05T10:00:00+08:00", 100, data_size_bytes=60, log_size_bytes=0),
            a_sample(instance, "2025-03-05T10:30:00+08:00", 20, "stock"),
        ]
    )

    assert result == IngestResult(received=4, created=4, updated=0, days=3)
    assert samples() == [
        (instance.pk, "sales", utc(2025, 3, 5, 2), 100, 60, 0, MARCH_5),
        (instance.pk, "sales", utc(2025, 3, 6, 2), 300, None, None, date(2025, 3, 6)),
        (instance.pk, "stock", utc(2025, 3, 5, 2, 30), 20, None, None, MARCH_5),
        (other.pk, "sales", utc(2025, 3, 5, 2), 7, None, None, MARCH_5),
    ]
    assert days() == [
        (instance.pk, MARCH_5, 120, 2, utc(2025, 3, 5, 2, 30)),
        (instance.pk, date(2025, 3, 6), 300, 1, utc(2025, 3, 6, 2)),
        (other.pk, MARCH_5, 7, 1, utc(2025, 3, 5, 2)),
    ]


def test_the_last_sample_of_each_database_makes_the_day(instance):
    ingest(
        [
            a_sample(instance, "2025-03-05T23:59:59.999999+08:00", 5),
            a_sample(instance, "2025-03-05T00:00:00+08:00", 1000),
            a_sample(instance, "2025-03-05T23:59:59+08:00", 2000),
            a_sample(instance, "2025-03-05T12:00:00+08:00", 1, "stock"),
        ]
    )

    assert days() == [(instance.pk, MARCH_5, 6, 2, utc(2025, 3, 5, 15, 59, 59, 999999))]


def test_what_is_renamed_during_a_day_counts_under_both_names_on_that_day_alone(instance):
    for at, name in (
        ("2025-03-05T03:00:00+08:00", "ren1"),
        ("2025-03-05T15:00:00+08:00", "ren1_old"),
        ("2025-03-06T03:00:00+08:00", "ren1_old"),
    ):
        ingest([a_sample(instance, at, 100, name), a_sample(instance, at, 10, "other")])

    assert [(str(day), total, count) for _instance, day, total, count, _at in days()] == [
        ("2025-03-05", 210, 3),
        ("2025-03-06", 110, 2),
    ]


def test_a_later_sample_of_the_day_derives_its_row_anew(instance):
    ingest([a_sample(instance, "2025-03-05T10:00:00+08:00", 100), a_sample(instance, database="stock", size=5)])
    (row,) = InstanceSizeStat.objects.all()

    result = ingest([a_sample(instance, "2025-03-05T22:00:00+08:00", 150)])

    assert result == IngestResult(received=1, created=1, updated=0, days=1)
    assert days() == [(instance.pk, MARCH_5, 155, 2, utc(2025, 3, 5, 14))]
    assert InstanceSizeStat.objects.get().pk == row.pk
    assert InstanceSizeStat.objects.get().updated_at > row.updated_at


def test_an_earlier_sample_that_comes_late_leaves_the_total(instance):
    ingest([a_sample(instance, "2025-03-05T10:00:00+08:00", 100)])

    ingest([a_sample(instance, "2025-03-05T09:00:00+08:00", 1)])

    assert days() == [(instance.pk, MARCH_5, 100, 1, utc(2025, 3, 5, 2))]


def test_the_same_batch_again_changes_nothing(instance):
    batch = [a_sample(instance), a_sample(instance, database="stock", size=5, data_size_bytes=4)]
    ingest(batch)
    before = list(DatabaseSizeStat.objects.order_by("pk").values()), days(), marks(instance)

    result = ingest(batch)

    assert result == IngestResult(received=2, created=0, updated=2, days=1)
    assert (list(DatabaseSizeStat.objects.order_by("pk").values()), days(), marks(instance)) == before


def test_a_corrected_sample_replaces_the_one_of_its_time(instance):
    ingest([a_sample(instance, size=100, data_size_bytes=60, log_size_bytes=7)])

    result = ingest([a_sample(instance, size=90, data_size_bytes=50), a_sample(instance, database="new", size=1)])

    assert result == IngestResult(received=2, created=1, updated=1, days=1)
    assert samples() == [
        (instance.pk, "new", utc(2025, 3, 5, 2), 1, None, None, MARCH_5),
        (instance.pk, "sales", utc(2025, 3, 5, 2), 90, 50, None, MARCH_5),
    ]
    assert days() == [(instance.pk, MARCH_5, 91, 2, utc(2025, 3, 5, 2))]


def test_days_that_a_batch_does_not_touch_keep_their_rows(instance):
    ingest([a_sample(instance), a_sample(make_instance(), "2025-03-06T10:00:00+08:00")])
    before = list(InstanceSizeStat.objects.order_by("pk").values())

    ingest([a_sample(instance, "2025-03-06T10:00:00+08:00")])

    assert list(InstanceSizeStat.objects.order_by("pk").values())[:2] == before


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("Asia/Shanghai", "2025-03-04T15:59:59Z", date(2025, 3, 4)),
        ("Asia/Shanghai", "2025-03-04T16:00:00Z", MARCH_5),
        ("Asia/Shanghai", "2025-03-05T01:00:00+14:00", date(2025, 3, 4)),
        ("Asia/Kolkata", "2025-03-04T18:29:59.999999Z", date(2025, 3, 4)),
        ("Asia/Kolkata", "2025-03-04T18:30:00Z", MARCH_5),
        ("America/New_York", "2025-03-10T03:59:59Z", date(2025, 3, 9)),  # the clock went forward on the 9th
        ("America/New_York", "2025-03-09T04:59:59Z", date(2025, 3, 8)),
        ("America/New_York", "2025-11-03T04:59:59Z", date(2025, 11, 2)),  # and back on the 2nd
    ],
)
def test_a_sample_belongs_to_the_day_of_the_products_zone(settings, instance, zone, at, day):
    settings.TIME_ZONE = zone

    ingest([a_sample(instance, at)])

    assert samples()[0][-1] == day
    assert days()[0][1] == day


def test_the_periods_of_the_day_and_the_following_ones_become_stale(instance):
    untouched = make_instance()

    ingest([a_sample(instance, "2024-12-31T10:00:00+08:00")])

    assert marks(instance) == {
        "daily": ["2024-12-31", "2025-01-01"],
        "weekly": ["2024-12-30", "2025-01-06"],
        "monthly": ["2024-12-01", "2025-01-01"],
        "quarterly": ["2024-10-01", "2025-01-01"],
    }
    assert marks(untouched) == {}


def test_each_instance_is_marked_for_its_own_days_once(instance):
    other = make_instance()
    ingest([a_sample(instance, "2025-03-31T10:00:00+08:00")])

    ingest([a_sample(instance, "2025-04-01T10:00:00+08:00"), a_sample(other, "2025-03-05T10:00:00+08:00")])

    assert marks(instance) == {
        "daily": ["2025-03-31", "2025-04-01", "2025-04-02"],
        "weekly": ["2025-03-31", "2025-04-07"],
        "monthly": ["2025-03-01", "2025-04-01", "2025-05-01"],
        "quarterly": ["2025-01-01", "2025-04-01", "2025-07-01"],
    }
    assert marks(other) == {
        "daily": ["2025-03-05", "2025-03-06"],
        "weekly": ["2025-03-03", "2025-03-10"],
        "monthly": ["2025-03-01", "2025-04-01"],
        "quarterly": ["2025-01-01", "2025-04-01"],
    }


@pytest.mark.parametrize("name", ["back\\slash\\N", "\\.", 'o\'clock "x" %s', "库存 😀", "é" * 255, "{}[]$,;"])
def test_a_name_is_stored_as_it_was_given(instance, name):
    ingest([a_sample(instance, database=name)])

    assert DatabaseSizeStat.objects.get().database_name == name


def test_a_batch_of_many_loads_is_one_batch(instance, monkeypatch):
    monkeypatch.setattr(staging, "BATCH", 2)

    result = ingest(a_sample(instance, size=n, database=f"db{n}") for n in range(7))

    assert result == IngestResult(received=7, created=7, updated=0, days=1)
    assert days() == [(instance.pk, MARCH_5, 21, 7, utc(2025, 3, 5, 2))]


def test_no_samples_leave_no_trace():
    assert ingest([]) == IngestResult(received=0, created=0, updated=0, days=0)
    assert not CapacityState.objects.exists()


def test_the_first_ingest_notes_the_zone_of_the_days(instance):
    ingest([a_sample(instance)])

    assert list(CapacityState.objects.values()) == [
        {"id": 1, "time_zone": "Asia/Shanghai", "samples_purged_before": None, "days_purged_before": None}
    ]


def test_samples_are_refused_when_the_zone_has_changed(settings, instance):
    ingest([a_sample(instance)])
    settings.TIME_ZONE = "Europe/Berlin"

    with pytest.raises(TimeZoneChanged, match=r"zone Asia/Shanghai, but .* is Europe/Berlin: set it to Asia/Shanghai"):
        ingest([a_sample(instance, "2025-03-06T10:00:00+08:00")])

    assert len(samples()) == 1


@pytest.mark.parametrize("held", [1, 5000])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_the_hour_that_comes_twice_is_two_hours(settings, monkeypatch, held, zone):
    settings.TIME_ZONE = "America/New_York"
    monkeypatch.setattr(staging, "BATCH", held)
    one = make_instance()
    twice = [datetime(2025, 11, 2, hour, 30, tzinfo=UTC) for hour in (5, 6)]  # half past one, and half past one again
    result = ingest(
        Sample(one.pk, "crm", at.astimezone(ZoneInfo(zone)), size) for at, size in zip(twice, (7, 8), strict=True)
    )
    assert result.created == 2
    stored = DatabaseSizeStat.objects.order_by("collected_at").values_list("collected_at", "size_bytes")
    assert list(stored) == [(twice[0], 7), (twice[1], 8)]


@pytest.mark.parametrize(
    ("zone", "half_past_eleven", "offsets"),
    [
        ("America/St_Johns", "2010-11-06T23:30:00", ("-02:30", "-03:30")),
        ("Antarctica/Casey", "2010-03-04T23:30:00", ("+11:00", "+08:00")),
    ],
)
def test_where_clocks_go_back_after_midnight_the_second_last_hour_has_its_day_row(
    settings, instance, zone, half_past_eleven, offsets
):
    settings.TIME_ZONE = zone
    samples = [a_sample(instance, half_past_eleven + offset, size) for size, offset in enumerate(offsets, 3)]
    for sample in (*samples, samples[-1]):  # that one again: all samples of the day are read for it
        ingest([sample])
    assert [(day, size) for _instance, day, size, *_rest in days()] == [(date.fromisoformat(half_past_eleven[:10]), 4)]
    assert DatabaseDayStat.objects.get().sample_count == 2


def test_days_before_and_after_the_one_that_a_zone_has_left_out_are_whole(settings, instance):
    settings.TIME_ZONE = "Pacific/Apia"  # went over the date line: there was no 30 December 2011
    for size, minute in ((3, "00:10"), (4, "23:50"), (4, "23:50")):  # what comes again is derived from all samples
        ingest(
            a_sample(instance, at, size)
            for at in (
                f"2011-12-29T{minute}:00-10:00",
                f"2011-12-31T{minute}:00+14:00",
                f"2011-12-28T{minute}:00-10:00",
            )
        )
    found = DatabaseDayStat.objects.order_by("collected_on").values_list(
        "sample_count", "min_size_bytes", "max_size_bytes"
    )
    assert list(found) == [(2, 3, 4)] * 3

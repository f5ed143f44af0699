"""What ingest refuses: the whole batch, every error with the item's index."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.core.exceptions import ValidationError

from capacity.collection import staging
from capacity.collection.ingest import Sample, ingest
from capacity.collection.samples import BadItem, SampleError, SamplesRejected
from capacity.collection.validation import normal_name
from capacity.errors import CapacityError
from capacity.models import CapacityState, DatabaseDayStat, DatabaseSizeStat, InstanceSizeStat, StalePeriod
from capacity.models.days import UNFIT
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.samples import aggregate, the

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 3, 5, 12, tzinfo=UTC)
LARGEST = 2**63 - 1


@pytest.fixture
def instance():
    return make_instance()


def refuse(samples, **options):
    """The exception; nothing may have been stored beside what was there."""
    tables = (DatabaseSizeStat, InstanceSizeStat, StalePeriod, CapacityState)
    before = [list(model.objects.order_by("pk").values()) for model in tables]
    with pytest.raises(SamplesRejected) as caught:
        ingest(samples, now=NOW, **options)
    assert [list(model.objects.order_by("pk").values()) for model in tables] == before
    return caught.value


def errors(samples):
    return [(error.index, error.attr, error.code) for error in refuse(samples).errors]


BAD_VALUES = [
    ("database_name", "", "blank"),
    ("database_name", " \u3000 ", "blank"),
    ("database_name", None, "not_a_text"),
    ("database_name", b"sales", "not_a_text"),
    ("database_name", "é" * 256, "too_long"),
    ("database_name", "\u0958" * 130, "too_long"),  # which is two characters in its normal form
    ("database_name", "e\u0301" * 600, "too_long"),
    *[
        ("database_name", f"sa{bad}les", "control_character")
        for bad in "\x00\t\n\r\x1b\x7f\x85\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ud800\udfff"
    ],
    *[(attr, -1, "out_of_range") for attr in ("size_bytes", "data_size_bytes", "log_size_bytes")],
    *[(attr, 2**63, "out_of_range") for attr in ("size_bytes", "data_size_bytes", "log_size_bytes")],
    *[("size_bytes", bad, "not_a_whole_number") for bad in (None, True, 12.0, 1e400, float("nan"), "12", [])],
    *[("data_size_bytes", bad, "not_a_whole_number") for bad in (False, 12.0, "")],
    ("log_size_bytes", "12", "not_a_whole_number"),
    ("collected_at", datetime(2025, 3, 5, 12), "naive_time"),
    ("collected_at", datetime(2025, 3, 5, 12).date(), "not_a_time"),
    ("collected_at", "2025-03-05T12:00:00Z", "not_a_time"),
    ("collected_at", None, "not_a_time"),
    ("collected_at", NOW + timedelta(minutes=5, microseconds=1), "in_future"),
    ("collected_at", datetime.max.replace(tzinfo=timezone(timedelta(hours=-23))), "in_future"),
    ("collected_at", datetime.min.replace(tzinfo=timezone(timedelta(hours=23))), "too_old"),
    ("collected_at", datetime(1989, 12, 31, 23, 59, 59, tzinfo=UTC), "too_old"),
    *[("instance_id", bad, "unknown_instance") for bad in (0, -1, 2**70, None, "1", True, [])],
]


@pytest.mark.parametrize(("attr", "value", "code"), BAD_VALUES)
def test_a_bad_value_refuses_the_batch_with_the_items_index(instance, attr, value, code):
    good = {
        "instance_id": instance.pk,
        "database_name": "sales",
        "collected_at": NOW,
        "size_bytes": 1,
        "data_size_bytes": None,
        "log_size_bytes": None,
    }

    assert errors([a_sample(instance), Sample(**{**good, attr: value})]) == [(1, attr, code)]


@pytest.mark.parametrize("at", [NOW + timedelta(minutes=5), datetime(1990, 1, 1, tzinfo=UTC)])
def test_the_first_and_the_last_moment_that_are_allowed(instance, at):
    assert ingest([a_sample(instance, at)], now=NOW).created == 1


def test_the_clock_of_the_machine_is_the_now_by_default(instance):
    with pytest.raises(SamplesRejected):
        ingest([a_sample(instance, datetime.now(UTC) + timedelta(minutes=6))])

    assert ingest([a_sample(instance, datetime.now(UTC))]).created == 1


def test_every_error_of_every_item_is_named(instance):
    samples = [
        a_sample(instance, size=-1, data_size_bytes=-1),
        a_sample(instance),
        Sample(0, "", datetime(2025, 3, 5), "12", "", ""),
    ]

    assert errors(samples) == [
        (0, "size_bytes", "out_of_range"),
        (0, "data_size_bytes", "out_of_range"),
        (2, "database_name", "blank"),
        (2, "collected_at", "naive_time"),
        (2, "size_bytes", "not_a_whole_number"),
        (2, "instance_id", "unknown_instance"),
        (2, "data_size_bytes", "not_a_whole_number"),
        (2, "log_size_bytes", "not_a_whole_number"),
    ]


def test_the_first_hundred_errors_are_listed_and_all_are_counted(instance):
    refused = refuse(a_sample(instance, size=-1) for _ in range(12_345))

    assert [error.index for error in refused.errors] == list(range(100))
    assert refused.total == 12_345
    assert str(refused) == "The samples are refused, nothing is stored: they have 12345 errors."


def test_a_refusal_is_a_validation_error_with_a_code(instance):
    refused = refuse([a_sample(instance, size=-1)])

    assert isinstance(refused, CapacityError) and isinstance(refused, ValidationError)
    assert refused.code == "samples_rejected"
    assert refused.messages == ["The samples are refused, nothing is stored: they have 1 error."]
    assert refused.errors == [
        SampleError(0, "size_bytes", "out_of_range", "The size must be from 0 to 9223372036854775807 bytes.")
    ]


@pytest.mark.parametrize("stored", [[], ["2025-03-05T01:00:00Z"]], ids=["a new day", "a day with samples"])
def test_an_item_that_occurs_twice_is_named_with_the_one_it_repeats(instance, monkeypatch, stored):
    ingest([a_sample(instance, at) for at in stored])
    monkeypatch.setattr(staging, "BATCH", 2)
    same_moment = "2025-03-05T02:00:00Z"

    refused = refuse(
        [
            a_sample(instance, database="other"),
            a_sample(instance, "2025-03-05T10:00:00+08:00", 1),
            a_sample(make_instance()),
            a_sample(instance, same_moment, 2),
            a_sample(instance, same_moment, 1),
        ]
    )

    detail = "The same instance, database and time as item 1."
    assert refused.errors == [
        SampleError(3, "collected_at", "duplicate", detail, other=1),
        SampleError(4, "collected_at", "duplicate", detail, other=1),
    ]


def test_repeats_and_bad_items_are_listed_in_the_order_of_the_items(instance):
    assert errors([a_sample(instance), a_sample(instance), a_sample(instance, size=-1)]) == [
        (1, "collected_at", "duplicate"),
        (2, "size_bytes", "out_of_range"),
    ]


def test_repeats_beyond_the_hundredth_error_are_counted(instance):
    refused = refuse(a_sample(instance) for _ in range(151))

    assert (len(refused.errors), refused.total) == (100, 150)


def test_what_a_door_has_found_is_listed_with_the_rest(instance):
    unread = SampleError(1, "", "unreadable", "Not a JSON object.")
    bad_size = SampleError(2, "size_bytes", "unreadable", "Not a number.")

    refused = refuse(
        [
            a_sample(instance, size=-1),
            BadItem((unread,)),
            BadItem((bad_size,), a_sample(instance, size="12", database="")),
        ]
    )

    assert [(error.index, error.attr, error.code) for error in refused.errors] == [
        (0, "size_bytes", "out_of_range"),
        (1, "", "unreadable"),
        (2, "size_bytes", "unreadable"),
        (2, "database_name", "blank"),
    ]
    assert refused.total == 4


def test_a_door_cannot_leave_an_item_out_by_saying_nothing():
    with pytest.raises(ValueError, match="needs an error"):
        BadItem(())


def test_the_largest_day_total_that_fits_is_stored(instance):
    ingest([a_sample(instance, size=LARGEST - 1), a_sample(instance, size=1, database="stock")])

    assert InstanceSizeStat.objects.get().total_size_bytes == LARGEST


def test_a_day_total_that_does_not_fit_names_an_item_of_that_instance_and_day(instance):
    refused = refuse(
        [
            a_sample(instance, "2025-03-04T10:00:00+08:00", LARGEST),
            a_sample(make_instance(), size=LARGEST),
            a_sample(instance, size=LARGEST),
            a_sample(instance, size=1, database="stock"),
        ]
    )

    assert refused.errors == [
        SampleError(
            2,
            "size_bytes",
            "sum_overflow",
            "The sizes of this instance's databases on 2025-03-05 add up to more than 9223372036854775807 bytes.",
        )
    ]


def test_stored_samples_count_for_the_day_total(instance):
    ingest([a_sample(instance, size=LARGEST), a_sample(instance, "2025-03-04T10:00:00+08:00", size=LARGEST)])

    assert errors([a_sample(instance, size=1, database=f"db{n}") for n in range(3)]) == [
        (0, "size_bytes", "sum_overflow")
    ]


@pytest.mark.parametrize("sizes", [{"size": LARGEST}, {"size": 1, "data_size_bytes": LARGEST}])
@pytest.mark.parametrize("pushes", [[(10, 11)], [(10,), (11,)], [(10, 11), (12,)], [(10, 11), (10,)]], ids=str)
def test_a_days_sum_of_one_database_that_does_not_fit_fails_its_periods_and_not_the_ingest(instance, sizes, pushes):
    for hours in pushes:
        assert ingest([a_sample(instance, f"2025-03-05T{hour}:00:00+08:00", **sizes) for hour in hours]).days == 1

    assert DatabaseDayStat.objects.get().sum_size_bytes == UNFIT
    ingest([a_sample(instance, "2025-04-01T10:00:00+08:00")])
    for period in (the("daily", "2025-03-05"), the("monthly", "2025-03-05"), the("monthly", "2025-04-01")):
        assert aggregate(period).results[0].error_code == "sum_overflow"


@pytest.mark.parametrize("batch", [2, 5000])
def test_a_sample_of_a_day_that_was_purged_is_refused_by_item(instance, monkeypatch, batch):
    monkeypatch.setattr(staging, "BATCH", batch)
    CapacityState.objects.create(pk=1, time_zone="Asia/Shanghai", samples_purged_before="2025-03-05")

    refused = refuse(
        [
            a_sample(instance, "2025-03-05T00:00:00+08:00"),
            a_sample(instance, "2025-03-04T23:59:59+08:00"),
            a_sample(instance, "2025-03-05T10:00:00+08:00"),
            a_sample(instance, "2024-03-05T10:00:00+08:00"),
        ]
    )

    assert [(error.index, error.attr, error.code) for error in refused.errors] == [
        (1, "collected_at", "already_purged"),
        (3, "collected_at", "already_purged"),
    ]
    assert "before 2025-03-05 have been purged" in refused.errors[0].detail


def test_an_instance_that_is_deleted_while_its_samples_are_read(instance):
    kept = make_instance()

    def read():
        yield a_sample(kept)
        yield a_sample(instance)
        yield a_sample(instance, database="stock")
        instance.delete()

    assert errors(read()) == [(1, "instance_id", "unknown_instance"), (2, "instance_id", "unknown_instance")]


def test_a_name_that_is_too_long_in_any_form_is_not_composed():
    marks = "\u0315\u0300" * 510  # out of order: to put 100,000 of them in order takes half a minute
    assert normal_name("a" + marks) == "a" + marks
    assert normal_name("\u03b1\u0313\u0300\u0345" * 255) == "\u1f82" * 255

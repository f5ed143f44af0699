"""One sick instance must not stop the others; a sick database must stop the run at once."""

import pytest
from django.db import DataError, Error, IntegrityError, OperationalError, connection, transaction

from capacity.models import Instance, StalePeriod
from capacity.tests.factories import make_instance
from capacity.tests.samples import (
    LARGEST,
    add_day,
    add_sample,
    aggregate,
    database_rows,
    instance_rows,
    make_fleet,
    mark,
    the,
)

pytestmark = pytest.mark.django_db

DAY = the("daily", "2025-06-30")


def statuses(summary):
    return {result.instance_id: result.status for result in summary.results}


def with_rows():
    """The ids of the instances with rows at both levels, which must be the same ones."""
    ids = {row["instance_id"] for row in database_rows()}
    assert ids == {row["instance_id"] for row in instance_rows()}
    return ids


def overflow(instance):
    for _ in range(2):
        add_sample(instance, "huge", "2025-06-30", LARGEST)


def the_only_failure(summary, fleet, sick):
    """Asserts that all but `sick` are done, with rows; gives the failed result."""
    healthy = {one.pk for one in fleet} - {sick.pk}
    assert statuses(summary) == {sick.pk: "failed", **dict.fromkeys(healthy, "completed")}
    assert with_rows() == healthy
    [failed] = [result for result in summary.results if result.status == "failed"]
    return failed


def test_an_integrity_error_of_one_instance_in_200_fails_that_one(poison):
    fleet = make_fleet(200, "2025-06-30")
    poison(fleet[73])

    summary = aggregate(DAY)

    failed = the_only_failure(summary, fleet, fleet[73])
    assert (failed.error_code, summary.status, summary.failed_instances) == ("integrity_error", "failed", 1)
    assert "poisoned row" in failed.error
    assert summary.errors == (f"fleet-073: {failed.error}",)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("sqlstate", "code"), [("22P02", "data_error"), ("57014", "statement_timeout"), ("22003", "sum_overflow")]
)
def test_what_postgresql_blames_on_the_data_fails_that_instance(poison, sqlstate, code):
    fleet = make_fleet(20, "2025-06-30")
    poison(fleet[3], sqlstate=sqlstate)

    assert the_only_failure(aggregate(DAY), fleet, fleet[3]).error_code == code


@pytest.mark.parametrize("sick", [0, 100, 199])
def test_a_sum_that_does_not_fit_fails_that_instance(sick):
    fleet = make_fleet(200, "2025-06-30")
    overflow(fleet[sick])

    failed = the_only_failure(aggregate(DAY), fleet, fleet[sick])

    assert (failed.error_code, failed.processed_records) == ("sum_overflow", 0)
    assert failed.error == "the sizes add up to more than 2^63-1 bytes; check the samples of this instance"


def test_a_sum_of_day_rows_or_of_the_previous_window_that_does_not_fit_fails_that_instance():
    fleet = make_fleet(3, "2025-07-08")
    for day in ("2025-07-01", "2025-07-02"):
        add_day(fleet[1], day, LARGEST)
    week = the("weekly", "2025-07-08")

    assert the_only_failure(aggregate(week), fleet, fleet[1]).error_code == "sum_overflow"
    now = aggregate(the("weekly", "2025-07-01"), "instance")
    assert statuses(now) == {fleet[0].pk: "skipped", fleet[1].pk: "failed", fleet[2].pk: "skipped"}


@pytest.mark.parametrize("error", [RuntimeError("odd"), ValueError(), DataError("too odd"), IntegrityError("odder")])
def test_any_exception_of_one_instance_fails_that_one(raising, error):
    fleet = make_fleet(200, "2025-06-30")
    raising({fleet[120]: error})

    failed = the_only_failure(aggregate(DAY), fleet, fleet[120])

    assert failed.error == (f"{type(error).__name__}: {error}" if str(error) else "ValueError")


def test_what_fails_at_the_second_level_leaves_nothing_of_the_first(poison):
    fleet = make_fleet(5, "2025-06-30")
    for one in fleet:
        mark(one, DAY)
    poison(fleet[2], table="instance_size_aggregations")

    the_only_failure(aggregate(DAY), fleet, fleet[2])

    assert list(StalePeriod.objects.values_list("instance_id", flat=True)) == [fleet[2].pk]


def test_the_other_level_is_not_hurt_when_it_runs_alone(poison):
    fleet = make_fleet(2, "2025-06-30")
    poison(fleet[0])

    assert set(statuses(aggregate(DAY, "instance")).values()) == {"completed"}


def test_a_failing_part_is_split_into_eight_down_to_one_instance(raising):
    fleet = make_fleet(64, "2025-06-30")
    parts = raising({fleet[20]: RuntimeError("odd")})

    the_only_failure(aggregate(DAY), fleet, fleet[20])

    assert parts == [64] + [8] * 8 + [1] * 8


def test_a_healthy_chunk_is_one_part(raising, settings):
    settings.WHALEFALL_CHUNK_SIZE = 3
    make_fleet(7, "2025-06-30")
    parts = raising({})

    aggregate(DAY)

    assert parts == [3, 2, 2]


def test_several_sick_instances_with_errors_of_their_own_fail_alone(raising, poison):
    fleet = make_fleet(16, "2025-06-30")
    raising({one: RuntimeError("odd") for one in fleet[::2]})
    overflow(fleet[15])

    summary = aggregate(DAY)

    failed = {result.instance_id: result.error_code for result in summary.results if result.status == "failed"}
    assert failed == {**{one.pk: "unexpected_error" for one in fleet[::2]}, fleet[15].pk: "sum_overflow"}
    assert with_rows() == {one.pk for one in fleet} - set(failed)


def test_when_every_part_of_the_first_split_fails_alike_the_run_ends(raising):
    fleet = make_fleet(16, "2025-06-30")
    error = RuntimeError("broken for all")
    parts = raising(dict.fromkeys(fleet, error))

    with pytest.raises(RuntimeError) as raised:
        aggregate(DAY)

    assert raised.value is error
    assert parts == [16] + [2] * 8
    assert database_rows() == instance_rows() == []


def test_a_chunk_of_one_sick_instance_does_not_end_the_run(raising, settings):
    settings.WHALEFALL_CHUNK_SIZE = 1
    fleet = make_fleet(3, "2025-06-30")
    raising({fleet[1]: RuntimeError("odd")})

    the_only_failure(aggregate(DAY), fleet, fleet[1])


def test_the_chunks_after_a_run_that_ended_are_not_begun_and_those_before_it_stay(raising, settings):
    settings.WHALEFALL_CHUNK_SIZE = 2
    fleet = make_fleet(6, "2025-06-30")
    parts = raising(dict.fromkeys(fleet[2:4], RuntimeError("odd")))

    with pytest.raises(RuntimeError):
        aggregate(DAY)

    assert with_rows() == {fleet[0].pk, fleet[1].pk}
    assert parts == [2, 2, 1, 1]


def test_a_failing_instance_does_not_break_the_callers_transaction(poison):
    fleet = make_fleet(10, "2025-06-30")
    poison(fleet[4])

    with transaction.atomic():
        mine = make_instance("made before the run")
        summary = aggregate(DAY, instances=fleet)
        Instance.objects.filter(pk=mine.pk).update(description="and touched after it")

    the_only_failure(summary, fleet, fleet[4])
    assert Instance.objects.get(pk=mine.pk).description == "and touched after it"


def test_what_the_caller_rolls_back_is_gone():
    make_fleet(2, "2025-06-30")

    with transaction.atomic():
        aggregate(DAY)
        transaction.set_rollback(True)

    assert database_rows() == instance_rows() == []


def test_nothing_is_tried_again_inside_the_callers_transaction(raising, sleeps):
    fleet = make_fleet(1, "2025-06-30")
    error = OperationalError("database is locked")
    parts = raising({fleet[0]: error})

    with pytest.raises(OperationalError) as raised:
        aggregate(DAY)

    assert raised.value is error
    assert (parts, sleeps) == ([1], [])


@pytest.mark.django_db(transaction=True)
def test_a_chunk_that_met_a_lock_is_tried_again(lock_out, sleeps):
    fleet = make_fleet(3, "2025-06-30")
    sleeps.then = [lock_out()]

    summary = aggregate(DAY)

    assert (len(sleeps), set(statuses(summary).values())) == (1, {"completed"})
    assert with_rows() == {one.pk for one in fleet}


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_stays_ends_the_run_after_three_more_tries(lock_out, sleeps):
    make_fleet(3, "2025-06-30")
    lock_out()

    with pytest.raises(OperationalError, match="lock"):
        aggregate(DAY)

    assert [0.5 * 2**n <= pause <= 2**n for n, pause in enumerate(sleeps)] == [True] * 3


@pytest.mark.django_db(transaction=True)
def test_a_read_only_database_ends_the_run_at_once(read_only, raising, sleeps):
    make_fleet(20, "2025-06-30")
    parts = raising({})

    with read_only(), pytest.raises(Error, match="read-?only"):
        aggregate(DAY, "database")

    assert (len(parts) <= 1, sleeps) == (True, [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="a full disk as SQLite tells of it")
def test_a_full_sqlite_file_ends_the_run_at_once(raising, sleeps):
    make_fleet(200, "2025-06-30")
    parts = raising({})
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA page_count")
        [pages] = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OperationalError, match="database or disk is full"):
            aggregate(DAY)
        cursor.execute("PRAGMA max_page_count = 4294967294")

    assert (len(parts) <= 1, sleeps) == (True, [])
    assert database_rows() == []


@pytest.mark.postgresql
@pytest.mark.parametrize("sqlstate", ["53100", "42P01", "25006", "XX001"])
def test_what_no_instance_can_have_caused_ends_the_run_at_once(poison, raising, sqlstate):
    fleet = make_fleet(20, "2025-06-30")
    poison(fleet[3], sqlstate=sqlstate)
    parts = raising({})

    with pytest.raises(Error):
        aggregate(DAY)

    assert parts == [20]
    assert database_rows() == []

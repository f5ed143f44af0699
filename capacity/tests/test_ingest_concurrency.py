"""Ingest beside other ingests, beside a roll-up, and when the connection dies."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction

from capacity.collection.ingest import ingest
from capacity.models import DatabaseSizeAggregation, DatabaseSizeStat, Instance, InstanceSizeStat, StalePeriod
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.others import wait_until_blocked
from capacity.tests.samples import aggregate, the

pytestmark = pytest.mark.django_db(transaction=True)

MARCH_5 = the("daily", "2025-03-05")


@pytest.fixture
def parallel():
    """Starts functions on connections of their own; gives their futures. All have ended when the test does."""
    pool = ThreadPoolExecutor(8)

    def start(*functions):
        def work(function):
            try:
                return function()
            finally:
                connection.close()

        return [pool.submit(work, function) for function in functions]

    yield start
    pool.shutdown()


def test_parallel_ingests_of_one_instance_and_day_leave_the_right_day_row(parallel):
    instance = make_instance()
    first = datetime(2025, 3, 5, tzinfo=UTC)
    barrier = threading.Barrier(4)

    def push(database):
        for hour in range(12):
            barrier.wait(timeout=30)
            ingest([a_sample(instance, first + timedelta(days=hour), 10**database, f"db{database}")])

    for future in parallel(*(lambda n=n: push(n) for n in range(4))):
        future.result()

    assert list(
        InstanceSizeStat.objects.order_by("collected_on").values_list(
            "collected_on", "total_size_bytes", "database_count"
        )
    ) == [(date(2025, 3, 5) + timedelta(days=n), 1111, 4) for n in range(12)]


def test_parallel_ingests_of_many_instances_in_any_order_do_not_deadlock(parallel):
    fleet = [make_instance() for _n in range(20)]

    def push(number):
        instances = fleet if number % 2 else fleet[::-1]
        for hour in range(8):
            at = datetime(2025, 3, 5, hour, number, tzinfo=UTC)
            ingest([a_sample(instance, at, 1, f"db{number}") for instance in instances])

    for future in parallel(*(lambda n=n: push(n) for n in range(4))):
        future.result()

    assert set(InstanceSizeStat.objects.values_list("total_size_bytes", "database_count")) == {(4, 4)}
    assert DatabaseSizeStat.objects.count() == 20 * 4 * 8


def test_a_roll_up_waits_for_the_ingest_that_marks_its_period(parallel):
    instance = make_instance()
    ingest([a_sample(instance, size=100)])

    with transaction.atomic():
        ingest([a_sample(instance, "2025-03-05T11:00:00+08:00", 300)])
        (rollup,) = parallel(lambda: aggregate(MARCH_5))
        wait_until_blocked(rollup)
    rollup.result()

    assert DatabaseSizeAggregation.objects.get().avg_size_bytes == 200
    assert not StalePeriod.objects.of(MARCH_5).exists()


def test_an_ingest_during_a_roll_up_marks_the_period_again(parallel):
    instance = make_instance()
    ingest([a_sample(instance, size=100)])

    with transaction.atomic():
        aggregate(MARCH_5)
        (late,) = parallel(lambda: ingest([a_sample(instance, "2025-03-05T11:00:00+08:00", 300)]))
        wait_until_blocked(late)
    late.result()

    assert list(StalePeriod.objects.of(MARCH_5).values_list("instance_id", flat=True)) == [instance.pk]
    aggregate(MARCH_5)
    assert DatabaseSizeAggregation.objects.get().avg_size_bytes == 200


def test_others_can_write_while_a_large_batch_is_read(parallel):
    instance = make_instance()

    def read():
        for n in range(10_001):
            if n in (0, 10_000):  # nothing staged yet, and two loads
                (writer,) = parallel(lambda n=n: make_instance(f"meanwhile-{n}"))
                writer.result(timeout=10)
            yield a_sample(instance, database=f"db{n}")

    assert ingest(read()).created == 10_001
    assert Instance.objects.filter(name__startswith="meanwhile").count() == 2


def test_two_first_ingests_at_the_same_time(parallel):
    fleet = [make_instance(), make_instance()]

    with transaction.atomic():
        ingest([a_sample(fleet[0])])
        (other,) = parallel(lambda: ingest([a_sample(fleet[1])]))
        wait_until_blocked(other)

    assert other.result().created == 1
    assert InstanceSizeStat.objects.count() == 2


@pytest.mark.postgresql
def test_the_error_of_a_lost_connection_is_the_one_raised(elsewhere):
    instance = make_instance()

    def kill(pid):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])

    def read():
        yield a_sample(instance)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        elsewhere(kill, pid)

    with pytest.raises(OperationalError, match="closed the connection|terminating connection"):
        ingest(read())

    connection.close()
    assert ingest([a_sample(instance)]).created == 1

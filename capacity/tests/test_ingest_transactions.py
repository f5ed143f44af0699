"""All or nothing: the caller's transaction, temporary tables, instances that are created with their samples."""

from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from capacity.collection import staging
from capacity.collection.ingest import IngestResult, ingest
from capacity.collection.samples import SamplesRejected
from capacity.models import Instance, InstanceSizeStat
from capacity.tests.factories import a_sample, days, make_instance, marks, samples, utc

pytestmark = pytest.mark.django_db

MARCH_5 = date(2025, 3, 5)


@pytest.fixture
def instance():
    return make_instance()


def temporary_tables():
    queries = {
        "sqlite": "SELECT name FROM sqlite_temp_master",
        "postgresql": "SELECT relname FROM pg_class WHERE relpersistence = 't' AND pg_table_is_visible(oid)",
    }
    with connection.cursor() as cursor:
        cursor.execute(queries[connection.vendor])
        return cursor.fetchall()


def test_it_belongs_to_the_callers_transaction(instance):
    with transaction.atomic():
        ingest([a_sample(instance)])
        transaction.set_rollback(True)

    assert (samples(), days(), marks(instance)) == ([], [], {})


def test_a_refused_batch_leaves_the_callers_transaction_usable(instance):
    with transaction.atomic():
        with pytest.raises(SamplesRejected):
            ingest([a_sample(instance, size=2**63 - 1), a_sample(instance, database="stock")])
        ingest([a_sample(instance, size=8)])

    assert days() == [(instance.pk, MARCH_5, 8, 1, utc(2025, 3, 5, 2))]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("count", "databases"), [(1, 1), (5000, 30)])
def test_a_push_costs_few_statements_and_no_temporary_table(instance, count, databases):
    ingest([a_sample(instance)])
    first = utc(2025, 3, 6)
    places = (divmod(n, databases) for n in range(count))
    batch = [a_sample(instance, first + timedelta(hours=hour), database=f"db{n}") for hour, n in places]

    with CaptureQueriesContext(connection) as queries:
        assert ingest(batch).created == count

    statements = [one["sql"] for one in queries if not one["sql"].startswith(("BEGIN", "COMMIT"))]
    # PostgreSQL has day rows in one, marks and states in another: each is a way there and back.
    assert len(statements) == {"postgresql": 5, "sqlite": 8}[connection.vendor]
    assert not any("TEMPORARY" in sql for sql in statements)


@pytest.mark.postgresql
def test_a_database_that_keeps_its_size_keeps_its_place_in_the_twelve_indexes_of_states(instance):
    def place():
        with connection.cursor() as cursor:
            cursor.execute("SELECT (ctid::text::point)[0], last_sample_at FROM database_states ORDER BY id LIMIT 1")
            return cursor.fetchone()

    def push(hour):
        at = utc(2025, 3, 5, hour)
        ingest([a_sample(instance, at, database=f"db{number}") for number in range(200)])  # more than a page of them
        return at

    push(2)
    page, _before = place()
    at = push(3)
    assert place() == (page, at)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("hour", "most"), [(0, 20), (2, 1)], ids=["one of the nine of the day again", "one that was not there"]
)
def test_a_push_reads_no_samples_but_those_of_a_day_that_it_corrects(instance, hour, most):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO database_size_stats (instance_id, database_name, size_bytes, collected_on, collected_at)
            SELECT %s, 'db' || d, 1, (at AT TIME ZONE 'Asia/Shanghai')::date, at FROM generate_series(1, 100) AS d,
                generate_series('2025-01-01Z'::timestamptz, '2025-03-05Z'::timestamptz, interval '1 hour') AS at
            """,
            [instance.pk],
        )
        cursor.execute("ANALYZE database_size_stats")
        cursor.execute("SET LOCAL random_page_cost = 1.1")  # as it is said of SSDs: else this table is a small one

        def read():
            cursor.execute(
                "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = %s",
                ["database_size_stats"],
            )
            return cursor.fetchone()

        through, before = read()
        ingest([a_sample(instance, utc(2025, 3, 5, hour), database="db7")])
        through_after, after = read()
        assert through_after == through
        assert after - before <= most  # one has the largest id, by which new ones are told
    assert days()[-1][:4] == (instance.pk, MARCH_5, 100, 1)


def interrupted(sample):
    yield sample
    raise KeyboardInterrupt


def test_no_temporary_table_stays_behind(instance, monkeypatch):
    monkeypatch.setattr(staging, "BATCH", 1)
    ingest([a_sample(instance), a_sample(instance, database="stock")])
    with pytest.raises(SamplesRejected):
        ingest([a_sample(instance), a_sample(instance, database="stock"), a_sample(instance, size=-1)])
    with pytest.raises(KeyboardInterrupt):
        ingest(interrupted(a_sample(instance)))

    assert temporary_tables() == []


def test_new_instances_are_created_with_their_samples(instance):
    new = {-1: Instance(name="new-1", db_type="mysql"), -2: Instance(name="new-2", db_type="oracle")}
    batch = [a_sample(Instance(pk=pk), size=-pk) for pk in new] + [a_sample(instance, size=9)]

    assert ingest(batch, new_instances=new) == IngestResult(received=3, created=3, updated=0, days=3)

    rows = InstanceSizeStat.objects.order_by("total_size_bytes")
    assert list(rows.values_list("instance__name", "instance__db_type", "total_size_bytes")) == [
        ("new-1", "mysql", 1),
        ("new-2", "oracle", 2),
        (instance.name, "postgresql", 9),
    ]
    assert marks(Instance.objects.get(name="new-1")) == marks(instance)


def test_a_new_instance_that_somebody_else_created_meanwhile_is_used(instance):
    new = {-1: Instance(name=instance.name, db_type="mysql")}

    ingest([a_sample(Instance(pk=-1))], new_instances=new)

    assert days() == [(instance.pk, MARCH_5, 100, 1, utc(2025, 3, 5, 2))]
    assert Instance.objects.get().db_type == "postgresql"


def test_new_instances_are_not_created_for_a_refused_batch():
    with pytest.raises(SamplesRejected):
        ingest([a_sample(Instance(pk=-1), size=-1)], new_instances={-1: Instance(name="new", db_type="mysql")})

    assert not Instance.objects.exists()

"""The CSV that every door gives: to the byte, row by row, and never half a file that looks like a whole one."""

import csv
import io
import json
import tracemalloc
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection

from capacity.insight import csv_export
from capacity.insight.csv_export import write_rows
from capacity.models import CapacityEvent, DatabaseSizeAggregation, InstanceSizeAggregation
from capacity.tests.factories import make_instance
from capacity.tests.outlooks import days_ago, event_of
from capacity.tests.period_rows import add_database_row, add_instance_row
from capacity.tests.samples import LARGEST, the

DAY = the("daily", "2025-03-04")
ROWS = DatabaseSizeAggregation.objects.order_by("id")


@pytest.mark.django_db
def test_the_bytes_of_a_file():
    instance = make_instance("=cmd|' /C calc'!A0", db_type="mysql", tags=["team:sales", "env:prod"])
    first = add_database_row(instance, 'sales, "eu"', DAY, LARGEST, -5, Decimal("-0.50"))
    second = add_database_row(instance, "数据库", DAY, 0, avg_log_size_bytes=7)
    header = (
        "id,instance_id,instance_name,db_type,tags,period_type,period_start,period_end,sample_count,covered_days,"
        "calculated_at,created_at,database_name,avg_size_bytes,min_size_bytes,max_size_bytes,avg_data_size_bytes,"
        "min_data_size_bytes,max_data_size_bytes,avg_log_size_bytes,min_log_size_bytes,max_log_size_bytes,"
        "size_change_bytes,size_change_percent,data_size_change_bytes,data_size_change_percent,"
        "log_size_change_bytes,log_size_change_percent"
    )
    same = (
        f"{instance.pk},'=cmd|' /C calc'!A0,mysql,\"env:prod,team:sales\",daily,2025-03-04,2025-03-04,1,1,"
        "2025-03-06T04:00:07.312645+08:00,2025-03-06T04:00:07.312645+08:00"
    )
    assert "".join(write_rows(ROWS)) == (
        f"{header}\r\n"
        f'{first.pk},{same},"sales, ""eu""",{LARGEST},{LARGEST},{LARGEST},,,,,,,-5,-0.50,,,,\r\n'
        f"{second.pk},{same},数据库,0,0,0,,,,7,,,,,,,,\r\n"
    )


@pytest.mark.django_db
def test_instance_rows_have_their_own_columns():
    add_instance_row(make_instance("prod-pg-1"), DAY, 100, 7, Decimal("7.53"), "growing")
    [row] = csv.DictReader(io.StringIO("".join(write_rows(InstanceSizeAggregation.objects.all()))))
    assert row["instance_name"] == "prod-pg-1"
    assert (row["trend_direction"], row["avg_database_count"]) == ("growing", "2.00")
    assert (row["total_size_change_bytes"], row["total_size_change_percent"]) == ("7", "7.53")


@pytest.mark.django_db
def test_an_object_is_json():
    event_of(make_instance(), "sales", days_ago(3), days_before=[["2026-09-22", 5]], of="büro")
    [row] = csv.DictReader(io.StringIO("".join(write_rows(CapacityEvent.objects.all()))))
    assert json.loads(row["details"]) == {"days_before": [["2026-09-22", 5]], "of": "büro"}


@pytest.mark.django_db
def test_of_no_rows_there_is_the_header():
    assert "".join(write_rows(ROWS)).count("\r\n") == 1


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_text_is_a_formula(name):
    add_database_row(make_instance(), name, DAY, 1, -1)
    [row] = csv.DictReader(io.StringIO("".join(write_rows(ROWS)), newline=""))
    assert row["database_name"] == f"'{name}"
    assert row["size_change_bytes"] == "-1"


@pytest.fixture
def blocks_of_two(monkeypatch):
    monkeypatch.setattr(csv_export, "BLOCK", 2)


@pytest.mark.django_db
def test_rows_come_in_blocks(blocks_of_two):
    instance = make_instance()
    for number in range(5):
        add_database_row(instance, f"db-{number}", DAY, number)
    assert [block.count("\r\n") for block in write_rows(ROWS)] == [3, 2, 1]


@pytest.mark.django_db
def test_memory_does_not_grow_with_the_rows():
    instance = make_instance()
    model = add_database_row(instance, "db", DAY, 1)

    def peak(rows):
        DatabaseSizeAggregation.objects.exclude(pk=model.pk).delete()
        DatabaseSizeAggregation.objects.bulk_create(
            [_copy(model, database_name=f"db-{number}") for number in range(rows - 1)], batch_size=500
        )
        tracemalloc.start()
        lines = sum(block.count("\r\n") for block in write_rows(ROWS))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert lines == rows + 1
        return size

    few = peak(2_000)
    assert peak(12_000) < 1.5 * few


def _copy(row, **changes):
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if field.name != "id"}
    return DatabaseSizeAggregation(**values | changes)


class BreakingOff:
    """Rows of which the database gives the first three."""

    def __init__(self, error):
        self.model, self.error = DatabaseSizeAggregation, error

    def prefetch_related(self, *lookups):
        return self

    def values_list(self, *names):
        self.width = len(names)
        return self

    def iterator(self, chunk_size):
        for number in range(3):
            yield (number,) * self.width
        raise self.error


@pytest.mark.django_db
def test_a_file_that_breaks_off_says_so_and_the_error_goes_on(blocks_of_two):
    error, blocks = DatabaseError("gone"), []
    with pytest.raises(DatabaseError) as raised:
        for block in write_rows(BreakingOff(error)):
            blocks.append(block)
    assert raised.value is error
    assert blocks[-1].startswith("THIS FILE IS NOT COMPLETE")
    assert "after 2 rows" in blocks[-1]


@pytest.mark.django_db
def test_an_error_before_the_first_block_is_just_raised():
    with pytest.raises(DatabaseError):
        next(write_rows(BreakingOff(DatabaseError("gone"))))


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_slow_reader_holds_no_transaction_open(blocks_of_two, elsewhere):
    instance = make_instance()
    for number in range(9):
        add_database_row(instance, f"db-{number}", DAY, number)
    blocks = write_rows(ROWS)
    next(blocks)
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid

    def state():
        with connection.cursor() as cursor:
            cursor.execute("SELECT state, xact_start IS NULL FROM pg_stat_activity WHERE pid = %s", [pid])
            return cursor.fetchone()

    assert elsewhere(state) == ("idle", True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE is_holdable")
        assert cursor.fetchone() == (1,)
    blocks.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE is_holdable")
        assert cursor.fetchone() == (0,)

import json
import re
from datetime import UTC, date, datetime
from functools import partial
from io import StringIO

import pytest
from django.core.management import call_command

from capacity.models import DatabaseSizeStat, Instance, InstanceSizeStat
from capacity.tests.csv_files import GOOD, HEADER, load, write_csv
from capacity.tests.factories import make_instance

pytestmark = pytest.mark.django_db


@pytest.fixture
def write(tmp_path):
    return partial(write_csv, tmp_path)


@pytest.fixture
def pg_1():
    return make_instance("pg-1")


def rows():
    columns = ("instance__name", "database_name", "collected_at", "size_bytes", "data_size_bytes", "log_size_bytes")
    return list(DatabaseSizeStat.objects.order_by("collected_at", "database_name").values_list(*columns))


def test_a_file_becomes_samples_and_day_rows(write, pg_1):
    path = write(GOOD, "pg-1,,stock,2025-03-05T02:30:00Z,20,,", "pg-1,,sales,2025-03-06 10:00:00.5+08:00,9,0,0")

    assert load(path) == [
        "Samples imported: 3 (3 new, 0 replaced). Day totals derived: 2. Instances created: 0.",
    ]
    assert rows() == [
        ("pg-1", "sales", datetime(2025, 3, 5, 2, tzinfo=UTC), 100, 60, 7),
        ("pg-1", "stock", datetime(2025, 3, 5, 2, 30, tzinfo=UTC), 20, None, None),
        ("pg-1", "sales", datetime(2025, 3, 6, 2, 0, 0, 500_000, tzinfo=UTC), 9, 0, 0),
    ]
    assert list(InstanceSizeStat.objects.order_by("pk").values_list("collected_on", "total_size_bytes")) == [
        (date(2025, 3, 5), 120),
        (date(2025, 3, 6), 9),
    ]


def test_the_same_file_again_changes_nothing(write, pg_1):
    path = write(GOOD)
    load(path)
    before = list(DatabaseSizeStat.objects.values())

    assert load(path) == ["Samples imported: 1 (0 new, 1 replaced). Day totals derived: 1. Instances created: 0."]
    assert list(DatabaseSizeStat.objects.values()) == before


@pytest.mark.parametrize(
    ("header", "line", "sizes"),
    [
        ("instance,database,collected_at,size_bytes", "pg-1,sales,2025-03-05T10:00:00+08:00,5", (5, None, None)),
        (
            "log_size_bytes, size_bytes ,collected_at,database,instance",
            "7 , 5,20250305T100000+0800,sales , pg-1",
            (5, None, 7),
        ),
    ],
)
def test_columns_may_be_left_out_and_come_in_any_order(write, pg_1, header, line, sizes):
    load(write(line, header=header))

    assert rows() == [("pg-1", "sales", datetime(2025, 3, 5, 2, tzinfo=UTC), *sizes)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_of_any_system_and_a_byte_order_mark_are_taken(write, pg_1, end):
    path = write(GOOD, "", "", header=f"\ufeff{HEADER}", end=end)

    assert load(path)[0].startswith("Samples imported: 1 ")


def test_quoted_cells_and_names_of_any_script(write, pg_1):
    load(write('pg-1,,"库存, ""old"" 😀",2025-03-05T10:00:00+08:00,5,,'))

    assert rows()[0][1] == '库存, "old" 😀'


def test_a_file_without_a_last_line_end(write, pg_1):
    path = write(GOOD)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))

    assert load(path)[0].startswith("Samples imported: 1 ")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_be_written_to_is_a_sentence(write, pg_1, read_only):
    with read_only():
        (line,) = load(write(GOOD))

    assert line.startswith("Nothing is imported: ") and "read" in line and "Traceback" not in line


def test_missing_instances_are_created_with_their_samples(write, pg_1):
    path = write(GOOD, "new,mysql,a,2025-03-05T02:00:00Z,1,,", "new, MySQL ,b,2025-03-05T02:00:00Z,2,,")

    assert load(path, "--create-instances") == [
        "Samples imported: 3 (3 new, 0 replaced). Day totals derived: 2. Instances created: 1."
    ]
    assert list(InstanceSizeStat.objects.values_list("instance__name", "instance__db_type", "total_size_bytes")) == [
        ("pg-1", "postgresql", 100),
        ("new", "mysql", 3),
    ]


def test_the_db_type_of_an_instance_that_exists_is_not_read(write, pg_1):
    load(write(GOOD.replace("pg-1,,", "pg-1,nonsense,")), "--create-instances")

    assert Instance.objects.get().db_type == "postgresql"


def test_the_result_as_json(write, pg_1):
    (line,) = load(write(GOOD, "new,mysql,a,2025-03-05T02:00:00Z,1,,"), "--json", "--create-instances")

    assert json.loads(line) == {
        "status": "completed",
        "received": 2,
        "created": 2,
        "updated": 0,
        "days": 2,
        "created_instances": 1,
        "separator": ",",
        "warnings": [],
    }


def test_the_errors_as_json(write, pg_1):
    lines = load(write(GOOD, GOOD, *["pg-1"] * 150), "--json")

    result = json.loads(lines[0])
    assert lines[1:] == [result["message"]] == ["Nothing is imported: the file has 151 errors."]
    assert (result["status"], len(result["errors"]), result["more_errors"]) == ("failed", 100, 51)
    assert result["errors"][0] == {
        "line": 4,
        "column": "",
        "code": "wrong_number_of_cells",
        "detail": "The line has 1 cells, the header has 7.",
    }


def test_a_terminal_sees_a_progress_bar(write, pg_1):
    class Terminal(StringIO):
        def isatty(self):
            return True

    out = Terminal()
    call_command("import_samples", write(*[GOOD.replace("sales", f"db{n}") for n in range(1000)]), stdout=out)

    assert re.search(r"Storing.*━", out.getvalue())
    assert (
        out.getvalue()
        .splitlines()[-1]
        .endswith("Samples imported: 1000 (1000 new, 0 replaced). Day totals derived: 1. Instances created: 0.")
    )

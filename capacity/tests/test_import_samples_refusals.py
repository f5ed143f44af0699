"""A file with an error is refused as a whole, with every error in a sentence."""

from functools import partial

import pytest

from capacity.collection import csv_file
from capacity.tests.csv_files import GOOD, HEADER, load, refused, write_csv
from capacity.tests.factories import make_instance

pytestmark = pytest.mark.django_db


@pytest.fixture
def write(tmp_path):
    return partial(write_csv, tmp_path)


@pytest.fixture
def pg_1():
    return make_instance("pg-1")


BAD_LINES = [
    ("pg-1,,sales,2025-03-05T10:00:00,1,,", "collected_at: The time has no offset: add one, such as +08:00 or Z."),
    (
        "pg-1,,sales,5.3.2025,1,,",
        "collected_at: The time must be a date and time with an offset, such as 2025-01-31T03:00:00+08:00.",
    ),
    ("pg-1,,sales,2025-03-05,1,,", "collected_at: The time has no offset: add one, such as +08:00 or Z."),
    ("pg-1,,sales,1970-01-01T00:00:00Z,1,,", "collected_at: The time is before 1990."),
    (
        "pg-1,,sales,9999-12-31T23:59:59Z,1,,",
        "collected_at: The time is more than 5 minutes in the future: check the clocks.",
    ),
    *[
        (f"pg-1,,sales,2025-03-05T10:00:00Z,{size},,", "size_bytes: The size must be a whole number of bytes.")
        for size in ("", "12 GB", "1e3", "1.00", "1_000", "0x10", "NaN", "１２", "9" * 5000)
    ],
    *[
        (
            f"pg-1,,sales,2025-03-05T10:00:00Z,{size},,",
            "size_bytes: The size must be from 0 to 9223372036854775807 bytes.",
        )
        for size in ("-1", "9223372036854775808")
    ],
    ("pg-1,,sales,2025-03-05T10:00:00Z,1,x,", "data_size_bytes: The size must be a whole number of bytes."),
    (
        "pg-1,,sales,2025-03-05T10:00:00Z,1,,-5",
        "log_size_bytes: The size must be from 0 to 9223372036854775807 bytes.",
    ),
    ("pg-1,,,2025-03-05T10:00:00Z,1,,", "database: The name is empty."),
    (
        "pg-1,,sa\u202eles,2025-03-05T10:00:00Z,1,,",
        "database: The name has a character that cannot be shown, U+202E: remove it.",
    ),
    (f"pg-1,,{'x' * 256},2025-03-05T10:00:00Z,1,,", "database: The name has more than 255 characters."),
    (
        "pg-2,,sales,2025-03-05T10:00:00Z,1,,",
        "instance: There is no instance named 'pg-2': create it first, or import with --create-instances.",
    ),
    (
        "\x1b[2J" + "x" * 90 + ",,sales,2025-03-05T10:00:00Z,1,,",
        "instance: There is no instance named '\\x1b[2J" + "x" * 56 + "…': create it first, or import with "
        "--create-instances.",
    ),
]
BAD_WHOLE_LINES = [
    ("pg-1,sales,1", "The line has 3 cells, the header has 7."),
    (GOOD + ",8", "The line has 8 cells, the header has 7."),
    (GOOD.replace("sales", "sa\0les"), "The line has a NUL character: the file is damaged, or not a text in UTF-8."),
    (GOOD.replace("sales", "销售").encode("gbk"), "The line is not UTF-8: save the file as UTF-8."),
    (
        GOOD.replace("sales", '"sales'),
        "The line is not valid CSV (unexpected end of data); a cell cannot have line breaks.",
    ),
    (
        GOOD.replace("sales", '"sales"!'),
        "The line is not valid CSV (',' expected after '\"'); a cell cannot have line breaks.",
    ),
    ("x" * 70_000, "The line has more than 65536 bytes."),
    (" " * 200_000, "The line has more than 65536 bytes."),
    ("", "The line is empty: remove it."),
]


@pytest.mark.parametrize(
    ("line", "error"),
    [(line, f"line 3, {error}") for line, error in BAD_LINES]
    + [(line, f"line 3: {e}") for line, e in BAD_WHOLE_LINES],
)
def test_a_bad_line_is_named_with_its_number_and_a_sentence(write, pg_1, line, error):
    later = GOOD.replace("sales", "later")

    assert refused(write(GOOD, line, later)) == [error]


def test_every_error_is_listed_in_the_order_of_the_lines(write, pg_1):
    path = write("pg-2,,,yesterday,-1,x,", GOOD, "pg-1", GOOD, "", "", GOOD)

    assert [line.split(": ")[0] for line in refused(path)] == [
        *(f"line 2, {column}" for column in ("instance", "database", "collected_at", "size_bytes", "data_size_bytes")),
        "line 4",
        "line 5, collected_at",
        "line 6",
        "line 7",
        "line 8, collected_at",
    ]


def test_a_line_that_repeats_another_names_it(write, pg_1):
    path = write(GOOD, "pg-1,,other,2025-03-05T02:00:00Z,1,,", "pg-1,,sales,2025-03-05T02:00:00Z,1,,")

    assert refused(path) == ["line 4, collected_at: The same instance, database and time as in line 2."]


def test_a_day_total_that_does_not_fit_names_a_line(write, pg_1):
    path = write(GOOD, f"pg-1,,stock,2025-03-05T02:00:00Z,{2**63 - 1},,")

    assert refused(path) == [
        "line 2, size_bytes: The sizes of this instance's databases on 2025-03-05 add up to more than "
        "9223372036854775807 bytes."
    ]


def test_a_hundred_errors_are_listed_and_the_others_counted(write):
    lines = load(write(*[GOOD] * 250))

    assert len(lines) == 102
    assert lines[99].startswith("line 101, ")
    assert lines[100:] == ["and 150 more", "Nothing is imported: the file has 250 errors."]


EXPECTED = f"It must be {HEADER}."


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, f"The file is empty: its first line must be {HEADER}."),
        ("", f"The file is empty: its first line must be {HEADER}."),
        ("\n \n" + HEADER, f"The first line is empty: it must be {HEADER}."),
        (HEADER, "the file has a header and no samples."),
        ("instance,database", f"it has no column collected_at, size_bytes. {EXPECTED}"),
        (HEADER + ",host", f"it has an unknown column 'host'. {EXPECTED}"),
        (HEADER + ",,database", f"it has an unknown column ''; it has the column database twice. {EXPECTED}"),
        (HEADER + ",database", f"it has the column database twice. {EXPECTED}"),
        (
            HEADER.replace(",", "|"),
            "it has no column instance, database, collected_at, size_bytes; it has an unknown column "
            f"'{HEADER.replace(',', '|')[:60]}…'. {EXPECTED}",
        ),
        (
            HEADER.encode("utf-16"),
            "Line 1: The line has a NUL character: the file is damaged, or not a text in UTF-8.",
        ),
        ("库".encode("gbk"), "Line 1: The line is not UTF-8: save the file as UTF-8."),
        ("x" * 70_000, "Line 1: The line has more than 65536 bytes."),
    ],
)
def test_a_file_that_cannot_be_used_at_all_says_why(write, header, reason):
    (line,) = refused(write(header=header))

    assert line.removeprefix("The header in line 1 cannot be used: ") == reason


def test_a_file_that_is_not_there(tmp_path):
    (line,) = refused(tmp_path / "nowhere.csv")

    assert "No such file or directory" in line and "nowhere.csv" in line


NEW = "a,2025-03-05T02:00:00Z,1,,"
ALLOWED = "its db_type must be one of postgresql, mysql, sqlserver, oracle."


@pytest.mark.parametrize(
    ("lines", "errors"),
    [
        ([f"new,,{NEW}"], [f"line 2, instance: The instance 'new' is to be created: {ALLOWED}"]),
        ([f"new,db2,{NEW}"], [f"line 2, instance: The instance 'new' is to be created: {ALLOWED}"]),
        ([f",mysql,{NEW}"], ["line 2, instance: The name is empty."]),
        ([f"{'n' * 256},mysql,{NEW}"], ["line 2, instance: The name has more than 255 characters."]),
        (
            [f"new,mysql,{NEW}", f"new,oracle,b{NEW}"],
            ["line 3, instance: The instance 'new' has the db_type mysql in an earlier line."],
        ),
        ([f"new,mysql,{NEW}", "new,mysql,b,2025-03-05T02:00:00Z,-1,,"], None),
        ([f"new,mysql,{NEW}", f"new,mysql,{NEW}"], None),
    ],
)
def test_no_instance_is_created_by_a_file_with_an_error(write, lines, errors):
    found = refused(write(*lines), "--create-instances")

    assert errors is None or found == errors


def test_a_file_that_would_create_instances_without_end_is_stopped(write, monkeypatch):
    monkeypatch.setattr(csv_file, "MAX_NEW_INSTANCES", 2)

    assert refused(write(*[f"new-{n},mysql,{NEW}" for n in range(3)]), "--create-instances") == [
        "line 4, instance: The file would create more than 2 instances: is the instance in the right column?"
    ]

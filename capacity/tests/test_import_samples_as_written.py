"""CSV as other tools write it, and the names of what is in it."""

import gzip
import json
from datetime import date
from io import BytesIO, TextIOWrapper

import pytest

from capacity.models import DatabaseSizeStat, DatabaseState, Instance, InstanceSizeStat
from capacity.tests.csv_files import HEADER, load, refused, write_csv
from capacity.tests.factories import make_instance

pytestmark = pytest.mark.django_db

AT = "2025-03-05T10:00:00+08:00"
IMPORTED = "Samples imported: 1 (1 new, 0 replaced). Day totals derived: 1. Instances created: {}."


@pytest.fixture(autouse=True)
def pg_1():
    return make_instance("pg-1")


def stored():
    columns = ("instance__name", "database_name", "size_bytes", "data_size_bytes", "log_size_bytes")
    return list(DatabaseSizeStat.objects.order_by("id").values_list(*columns))


AS_WRITTEN = {
    "separators behind the last column": (HEADER + ",,", [f"pg-1,,sales,{AT},100,60,7,,"]),
    "rows of separators at the end": (HEADER, [f"pg-1,,sales,{AT},100,60,7", ",,,,,,", " , ,,,,,", ""]),
    "an upper-case header in quotes": (
        ",".join(f'"{name.upper()}"' for name in HEADER.split(",")),
        [f'"pg-1","","sales","{AT}","100","60","7"'],
    ),
    "blanks behind the commas": (HEADER.replace(",", ", "), [f"pg-1, , sales, {AT}, 100, 60, 7"]),
    "whole numbers with .0": (HEADER, [f"pg-1,,sales,{AT},100.0,60.0,7.0"]),
    "SQL Server's time": (HEADER, ["pg-1,,sales,2025-03-05 10:00:00.0000000 +08:00,100,60,7"]),
}


@pytest.mark.parametrize("case", AS_WRITTEN)
def test_a_file_is_read_as_its_tool_wrote_it(tmp_path, case):
    header, lines = AS_WRITTEN[case]
    assert load(write_csv(tmp_path, *lines, header=header, end="\r\n")) == [IMPORTED.format(0)]
    assert stored() == [("pg-1", "sales", 100, 60, 7)]


@pytest.mark.parametrize("nothing", ["NULL", "null", "\\N", ""])
def test_what_stands_for_no_value_leaves_data_and_log_unknown(tmp_path, nothing):
    load(write_csv(tmp_path, f"pg-1,,sales,{AT},100,{nothing},{nothing}"))
    assert stored() == [("pg-1", "sales", 100, None, None)]


@pytest.mark.parametrize("cell", ["1.00", "1.5", "1,000", "NULL", "1e3"])
def test_what_may_mean_another_number_is_refused(tmp_path, cell):
    [line] = refused(write_csv(tmp_path, f'pg-1,,sales,{AT},"{cell}",,'))
    assert line == "line 2, size_bytes: The size must be a whole number of bytes."


@pytest.mark.parametrize(("separator", "signs"), [(";", "semicolons"), ("\t", "tabs")])
def test_another_separator_is_found_in_the_header_and_told(tmp_path, separator, signs):
    header, *lines = (line.replace(",", separator) for line in (HEADER, f"pg-1,,sales,{AT},100,,7", ",,,,,,"))
    path = write_csv(tmp_path, *lines, header=header)
    assert load(path) == [f"The file is separated by {signs}.", IMPORTED.format(0)]
    assert stored() == [("pg-1", "sales", 100, None, 7)]
    [told] = load(path, "--json")
    assert json.loads(told)["separator"] == separator


def test_blanks_within_quotes_belong_to_the_name_and_others_do_not(tmp_path):
    lines = [
        f'pg-1,,"sales ",{AT},1,,',
        f'pg-1,, sales ,"{AT}",2,,',
        f'pg-1,,"a ""b"" ",{AT},3,,',
        f'pg-1, "", "stock", {AT}, 4,,',
        f'pg-1,, " crm",{AT},5,,',
    ]
    load(write_csv(tmp_path, *lines))
    assert {row[1:3] for row in stored()} == {("sales ", 1), ("sales", 2), ('a "b" ', 3), ("stock", 4), (" crm", 5)}


def test_blanks_around_the_name_of_an_instance_are_none_of_it_even_within_quotes(tmp_path):
    lines = [f'"pg-1 ",,sales,{AT},1,,', f'" new ",mysql,sales,{AT},2,,', f"new,mysql,stock,{AT},3,,"]
    load(write_csv(tmp_path, *lines), "--create-instances")
    assert [row[:3] for row in stored()] == [("pg-1", "sales", 1), ("new", "sales", 2), ("new", "stock", 3)]


@pytest.mark.parametrize("name", ["\u0958" * 130, "e\u0301" * 256])
def test_a_name_is_as_long_as_it_is_stored(tmp_path, name):
    [line] = refused(write_csv(tmp_path, f"pg-1,,{name},{AT},1,,"))
    assert line == "line 2, database: The name has more than 255 characters."


def test_a_name_that_is_short_enough_as_it_is_stored_is_taken(tmp_path):
    typed = "e\u0301" * 255
    load(write_csv(tmp_path, f"pg-1,,{typed},{AT},1,,"))
    assert stored()[0][1] == "\u00e9" * 255


def test_one_name_in_two_forms_of_unicode_is_one(tmp_path):
    composed, decomposed = "Z\u00fcrich", "Zu\u0308rich"
    lines = [
        f"{decomposed},oracle,{composed},{AT},1,,",
        f"{composed},oracle,{decomposed},{AT.replace('10', '11')},2,,",
    ]
    load(write_csv(tmp_path, *lines), "--create-instances")
    assert [row[:3] for row in stored()] == [(composed, composed, 1), (composed, composed, 2)]


@pytest.mark.parametrize(
    "sign", ["\u200b", "\u200d", "\ufeff", "\u00ad", "\U000e0041", "\ufdd0", "\U0001fffe", "\ufe0f"]
)
@pytest.mark.parametrize("column", ["instance", "database"])
def test_what_nobody_can_see_is_no_part_of_a_name(tmp_path, sign, column):
    names = {"instance": "new", "database": "sales"} | {column: f"c4{sign}5"}
    path = write_csv(tmp_path, f"{names['instance']},oracle,{names['database']},{AT},1,,")
    [line] = refused(path, "--create-instances")
    assert line.startswith(f"line 2, {column}: The name has a character that cannot be shown, U+{ord(sign):04X}")


def test_names_that_differ_in_case_alone_are_told_where_the_engine_ignores_it(tmp_path):
    make_instance("ms-1", db_type="sqlserver")
    load(write_csv(tmp_path, f"ms-1,,Sales,{AT},1000,,"))
    twin = f"ms-1,,SALES,{AT.replace('10', '11')},1000,,"
    *_result, warning = load(write_csv(tmp_path, twin, f"pg-1,,App,{AT},1,,", f"pg-1,,app,{AT},1,,"))
    assert warning == (
        "Warning: ms-1 has databases whose names differ in case alone, which its engine may take for one: SALES, "
        "Sales. Their sizes are counted twice."
    )
    [told] = load(write_csv(tmp_path, twin), "--json")
    assert json.loads(told)["warnings"] == [warning.removeprefix("Warning: ")]


def test_packed_files_are_read_as_they_are(tmp_path):
    path = write_csv(tmp_path, f"pg-1,,sales,{AT},100,60,7")
    packed = tmp_path / "samples.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert load(packed) == [IMPORTED.format(0)]
    packed.write_bytes(gzip.compress(path.read_bytes() * 1000)[:-20])
    [line] = load(packed)
    assert line.startswith(f"Nothing is imported: {packed} cannot be unpacked, it is damaged (")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input_is_read(tmp_path, monkeypatch, pack):
    raw = write_csv(tmp_path, f"ora,oracle,USERS,{AT},100,60,7").read_bytes()
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(pack(raw))))
    assert load("-", "--create-instances") == [IMPORTED.format(1)]
    assert Instance.objects.filter(name="ora").exists()


def test_an_import_says_how_its_databases_are_now(tmp_path):
    load(write_csv(tmp_path, f"pg-1,,sales,{AT},100,,", f"pg-1,,sales,{AT.replace('03-05', '02-26')},80,,"))
    state = DatabaseState.objects.get()
    assert (state.first_day, state.last_day) == (date(2025, 2, 26), date(2025, 3, 5))
    assert (state.last_size_bytes, state.week_change_bytes, state.week_change_percent) == (100, 20, 25)
    assert InstanceSizeStat.objects.count() == 2

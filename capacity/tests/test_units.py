import pytest

from capacity.units import chart_unit, format_bytes, format_in, shared_unit

MIB, GIB, TIB = 2**20, 2**30, 2**40

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1075, "1.0 KiB"),
        (1076, "1.1 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (1024**2 - 52, "1023.9 KiB"),
        (1024**2 - 51, "1.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (1024**4 * 3 // 2, "1.5 TiB"),
        (1024**5, "1.0 PiB"),
        (2**63 - 1, "8.0 EiB"),
        (2000 * 1024**6, "2000.0 EiB"),
        (-1536, "-1.5 KiB"),
        (-1, "-1 B"),
    ],
)
def test_sizes_are_shown_in_binary_units_with_one_decimal(size, text):
    assert format_bytes(size) == text


@pytest.mark.parametrize(("size", "text"), [(1536, "+1.5 KiB"), (0, "0 B"), (-1536, "-1.5 KiB")])
def test_changes_have_a_sign(size, text):
    assert format_bytes(size, sign=True) == text


@pytest.mark.parametrize(
    ("largest", "unit"),
    [
        (0, ("B", 1)),
        (1023, ("B", 1)),
        (1024, ("KiB", 1024)),
        (3 * 1024**4, ("TiB", 1024**4)),
        (2000 * 1024**6, ("EiB", 1024**6)),
    ],
)
def test_a_chart_has_one_unit_that_of_its_highest_point(largest, unit):
    assert chart_unit(largest) == unit


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ([13 * TIB, 40 * GIB, 3 * MIB, 0], ["13,312.0 GiB", "40.0 GiB", "<0.1 GiB", "0 GiB"]),
        ([20 * GIB, -(GIB // 10), -1], ["20.0 GiB", "-0.1 GiB", "-<0.1 GiB"]),
        ([20 * GIB - 2**16, 7 * MIB], ["20,479.9 MiB", "7.0 MiB"]),
        ([20 * TIB, GIB], ["20.0 TiB", "<0.1 TiB"]),
        ([20_479, 0], ["20,479 B", "0 B"]),
        ([2**63], ["8,192.0 PiB"]),
    ],
)
def test_a_column_has_one_unit_that_suits_its_largest_and_nothing_reads_as_none(sizes, shown):
    unit = shared_unit(sizes)
    assert [format_in(size, unit) for size in sizes] == shown


def test_a_change_in_the_unit_of_its_column_has_its_sign():
    assert [format_in(size, 3, sign=True) for size in (GIB, 1, 0, -GIB)] == [
        "+1.0 GiB",
        "+<0.1 GiB",
        "0 GiB",
        "-1.0 GiB",
    ]


def test_a_column_without_a_size_has_a_unit_nobody_sees():
    assert shared_unit([]) == 0

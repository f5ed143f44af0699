"""Lines that are taken by the block have the cells that each of them would have alone."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.collection import csv_cells
from capacity.collection.csv_cells import LineError, cells, lines, rows

pytestmark = pytest.mark.unit

PLAIN = st.text("ab1,; ", max_size=6)
PECULIAR = st.text('ab,;\t "\x00\x0b\x1c\x85\xa0é\ufeff', max_size=6)


def alone(line, separator):
    if line.decode().strip(f"{separator} \t\r\n\v\f") == "":
        return []
    try:
        return cells(line, separator)
    except LineError as error:
        return error.args


@given(
    st.lists(st.one_of(PLAIN, PECULIAR), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from([*csv_cells.SEPARATORS]),
)
def test_any_lines_have_the_cells_that_each_has_alone(texts, end, ended, separator):
    data = (end.join(texts) + (end if ended else "")).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_cells, "BLOCK", 3)
        found = [one.args if isinstance(one, LineError) else one for one in rows(lines(BytesIO(data)), separator)]
    assert found == [alone(line, separator) for line in lines(BytesIO(data))]


def test_a_line_that_is_too_long_spoils_none_beside_it():
    file = BytesIO(b"a,b\n" + b"x" * 70_000 + b"\nc,d\n")
    first, long, last = rows(lines(file), ",")
    assert (first, last, long.args[0]) == (["a", "b"], ["c", "d"], "line_too_long")

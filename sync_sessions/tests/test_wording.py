import pytest

from sync_sessions.common.words import listed, noted, told

pytestmark = pytest.mark.unit


def test_a_label_a_note_and_a_list():
    assert told("Weekly", "June 23") == "Weekly: June 23"
    assert noted("Weekly", "both") == "Weekly (both)"
    assert listed(["a", "b", "c"]) == "a, b, c"

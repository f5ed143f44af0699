"""Stored texts are English and have a code; people read the code's sentence in their language."""

import pytest
from django.utils.translation import override

from sync_sessions import kinds
from sync_sessions.reasons import STALE_REASONS, explain

pytestmark = pytest.mark.unit


def test_a_stored_sentence_of_its_code_is_not_said_twice():
    for code, text in STALE_REASONS.items():
        assert explain(code, text) == (text, "")
    assert explain("instance_inactive", "The instance is inactive.") == ("The instance is inactive", "")


def test_what_the_stored_text_says_beyond_its_code_stands_beside_the_sentence():
    text = "Port 5432 of db1 refuses connections: is the server running, and is the port right?"
    assert explain("refused", text) == ("The server refuses connections.", text)


def test_a_code_that_nobody_knows_is_shown_as_it_is_stored():
    assert explain("odd", "it is odd") == ("It is odd", "")
    assert explain("", "") == ("", "")


def test_it_is_said_in_the_readers_language():
    with override("zh-hans"):
        assert explain("no_samples", "no samples in the period") == ("周期内没有采样", "")
        assert explain("", "") == ("", "")
        assert explain("odd", "no samples in the period") == ("周期内没有采样", "")
        assert explain("no_samples", "server says: none") == ("周期内没有采样", "server says: none")


def test_a_code_that_has_a_sentence_keeps_it(monkeypatch):
    other = kinds.Kind("other", None, "", None, reasons={"abandoned": "Something else."})
    monkeypatch.setitem(kinds._kinds, "other", other)
    assert explain("abandoned", STALE_REASONS["abandoned"]) == (STALE_REASONS["abandoned"], "")

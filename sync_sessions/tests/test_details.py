"""`sync_details` as lines that people can read."""

import pytest
from django.utils.translation import override

from sync_sessions.common.durations import duration_text
from sync_sessions.details import Line, readable

pytestmark = pytest.mark.unit

AGGREGATED = {
    "version": 1,
    "scope": "all",
    "period_type": "weekly",
    "period_start": "2025-06-23T00:00:00+08:00",
    "period_end": "2025-06-29T00:00:00+08:00",
    "aggregation_count": 3,
    "aggregation_result": {
        "status": "completed",
        "message": "",
        "errors": [],
        "processed_records": 3,
        "database": {
            "status": "completed",
            "window": ["2025-06-23", "2025-06-29"],
            "previous_window": ["2025-06-16", "2025-06-16"],
            "samples": 14,
        },
        "instance": None,
    },
}


def test_an_aggregation():
    assert readable(AGGREGATED) == (
        Line("Scope", "Databases and instances"),
        Line("Period type", "Weekly"),
        Line("First day", "June 23, 2025"),
        Line("Last day", "June 29, 2025"),
        Line("Period rows", "3"),
        Line(
            "Result",
            lines=(
                Line("Status", "Completed"),
                Line("Period rows written", "3"),
                Line(
                    "Database",
                    lines=(
                        Line("Status", "Completed"),
                        Line("Period", "June 23, 2025 – June 29, 2025"),
                        Line("Compared with", "June 16, 2025"),
                        Line("Samples", "14"),
                    ),
                ),
            ),
        ),
    )


def test_a_collection():
    details = {
        "version": 1,
        "engine": "mysql",
        "total_size_bytes": 1610612736,
        "not_sized": [{"database": "sales", "reason": "It took too long."}],
        "notes": ["One.", "Two."],
        "duration_seconds": 1.25,
    }
    assert readable(details) == (
        Line("Engine", "MySQL / MariaDB"),
        Line("Total size", "1.5 GiB"),
        Line(
            "Not sized",
            lines=(Line("1", lines=(Line("Database", "sales"), Line("Reason", "It took too long."))),),
        ),
        Line("Notes", "One., Two."),
        Line("Measured in", "1.2 s"),
    )


def test_the_order_is_the_same_however_it_was_stored():
    """PostgreSQL keeps the keys of a document by their length."""
    assert readable(dict(sorted(AGGREGATED.items(), key=lambda one: len(one[0])))) == readable(AGGREGATED)
    lines = readable({"zoo": 1, "an_age": 2, "samples": 3, "window": 4, "status": "failed"})
    assert [line.label for line in lines] == ["Status", "Period", "Samples", "An age", "Zoo"]


def test_the_readers_language_has_its_words_and_dates():
    with override("zh-hans"):
        lines = readable({"scope": "all", "period_type": "weekly", "period_start": "2025-06-23", "status": "failed"})
    assert [line.text for line in lines] == ["数据库和实例", "失败", "周", "2025年6月23日"]


def test_a_failed_one_says_why_in_the_readers_language():
    stored = {"aggregation_result": {"status": "failed", "error": "no samples in the period"}}
    with override("zh-hans"):
        (line,) = readable(stored)
        assert line.lines[1].text == "周期内没有采样"


def test_a_missing_one_is_unknown():
    assert readable({"status": "unknown"}) == (Line("Status", "Unknown"),)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("period_type", "fortnightly", "fortnightly"),
        ("period_start", "soon", "soon"),
        ("period_start", 5, "5"),
        ("window", 5, "5"),
        ("engine", ["a"], "a"),
        ("total_size_bytes", "much", "much"),
        ("whatever", True, "Yes"),
        ("whatever", False, "No"),
        ("whatever", 0, "0"),
    ],
)
def test_what_another_version_stored_is_shown_as_it_is(key, value, text):
    (line,) = readable({key: value})
    assert line.text == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "< 0.01 s"),
        (0.04, "0.04 s"),
        (1.24, "1.2 s"),
        (9.99, "10.0 s"),
        (12, "12 s"),
        (59.7, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (7800, "2 h 10 min"),
        (93600, "26 h 0 min"),
    ],
)
def test_time_spans_in_their_two_largest_units(seconds, text):
    assert duration_text(seconds) == text

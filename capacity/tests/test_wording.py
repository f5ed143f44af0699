from datetime import date

import pytest
from django.utils import translation

from capacity.insight.wording import (
    event_sentence,
    forecast_sentence,
    jump_sentences,
    score_sentence,
    usage_sentence,
)
from capacity.models import CapacityEvent, Forecast

pytestmark = pytest.mark.unit

GIB = 2**30


def a_forecast(state, **fields):
    return Forecast(**{"level": "database", "state": state, "weekly_bytes": 0, "days_covered": 300, **fields})


def full(first, likely, last):
    days = {"earliest_on": first, "expected_on": likely, "latest_on": last}
    return a_forecast("date", **{name: day and date.fromisoformat(day) for name, day in days.items()})


@pytest.mark.parametrize(
    ("row", "english", "chinese"),
    [
        (
            full("2027-03-03", "2027-03-12", "2027-03-29"),
            "full between 3 and 29 March 2027, most likely 12 March",
            "2027年3月3日至29日之间写满，最可能是3月12日",
        ),
        (
            full("2027-02-03", "2027-03-12", "2027-04-29"),
            "full between 3 February and 29 April 2027, most likely 12 March",
            "2027年2月3日至4月29日之间写满，最可能是3月12日",
        ),
        (
            full("2026-12-30", "2027-01-02", "2027-01-05"),
            "full between 30 December 2026 and 5 January 2027, most likely 2 January 2027",
            "2026年12月30日至2027年1月5日之间写满，最可能是2027年1月2日",
        ),
        (
            full("2027-03-03", "2027-05-12", None),
            "full on 3 March 2027 or later, most likely 12 May 2027; the latest day is open",
            "最早2027年3月3日写满，最可能是2027年5月12日；最晚日期无法确定",
        ),
        (full("2027-03-03", "2027-03-03", "2027-03-03"), "full on 3 March 2027", "2027年3月3日写满"),
        (
            a_forecast("over", limit_bytes=2 * 2**40),
            "full: the limit of 2.0 TiB is reached",
            "已满：已达到上限 2.0 TiB",
        ),
        (
            a_forecast("shrinking", weekly_bytes=-int(0.49 * GIB)),
            "no date: it shrinks by 2.1 GiB a month",
            "没有日期：每月缩小 2.1 GiB",
        ),
        (
            a_forecast("growing_slowly", weekly_bytes=7 * GIB),
            "no date: not full within two years, it grows by 30.0 GiB a month",
            "没有日期：两年内不会写满，每月增长 30.0 GiB",
        ),
        (a_forecast("flat"), "no date: the size stays the same", "没有日期：大小保持不变"),
        (
            a_forecast("no_limit"),
            "no date: no limit is known; it stays the same",
            "没有日期：没有已知的上限；大小保持不变",
        ),
        (
            a_forecast("too_little_history", days_covered=12),
            "collecting, 12 of 28 days",
            "正在收集，28 天中已有 12 天",
        ),
        (a_forecast("new"), "being loaded", "正在载入数据"),
        (
            a_forecast("new", expected_on=date(2027, 3, 12), earliest_on=date(2027, 3, 1)),
            "being loaded; if that goes on, full on 12 March 2027",
            "正在载入数据；若持续下去，2027年3月12日写满",
        ),
    ],
)
def test_every_state_has_its_sentence_in_both_languages(row, english, chinese):
    with translation.override("en"):
        assert forecast_sentence(row) == english
    with translation.override("zh-hans"):
        assert forecast_sentence(row) == chinese


def test_on_a_shared_volume_the_sentence_is_about_the_volume():
    shared = {"shared_key": "D:", "weekly_bytes": 7 * GIB}
    found = [forecast_sentence(a_forecast(state, **shared)) for state in ("shrinking", "flat", "too_little_history")]
    assert found == [
        "no date: the volume shrinks (volume D:)",
        "no date: the volume stays the same (volume D:)",
        "collecting: the volume has less than 28 days (volume D:)",
    ]
    row = full("2027-03-03", "2027-03-12", "2027-03-29")
    row.shared_key = "D:"
    assert forecast_sentence(row) == "full between 3 and 29 March 2027, most likely 12 March (volume D:)"


def test_the_volume_itself_is_told_with_its_growth():
    row = a_forecast("growing_slowly", level="volume", shared_key="D:", weekly_bytes=7 * GIB)
    assert forecast_sentence(row) == "no date: not full within two years, it grows by 30.0 GiB a month"


def test_jumps_are_told_with_their_day_and_size():
    jumps = [{"day": "2026-05-03", "bytes": -120 * GIB}, {"day": "2026-06-01", "bytes": 3 * GIB}]
    assert jump_sentences(a_forecast("flat", jumps=jumps)) == [
        "purged on 3 May 2026 (120.0 GiB), taken out of the growth",
        "loaded on 1 June 2026 (3.0 GiB), taken out of the growth",
    ]


def test_a_use_says_who_shares_the_limit():
    assert usage_sentence(83 * GIB, 100 * GIB) == "used 83 % of 100.0 GiB"
    used = usage_sentence(81 * 2**41, 100 * 2**41, "D:", 14)
    assert used == "used 81 % of 200.0 TiB (volume D:, shared by 14 databases)"
    assert usage_sentence(1, 2, "D:", 1) == "used 50 % of 2 B (volume D:, used by 1 database)"


def test_a_score_is_told_as_the_median_error():
    assert score_sentence(90, 1.234) == "forecasts of 90 days ago were off by 1.2 % (median)"


@pytest.mark.parametrize(
    ("kind", "before", "after", "usual", "sentence"),
    [
        ("jump", 100, 152, 2, "gained 52 %, 52.0 GiB; usual at most 2.0 GiB a day"),
        ("drop", 100, 38, 0, "lost 62 %, 62.0 GiB; usual at most 0 B a day"),
        ("appeared", 0, 7, 0, "appeared with 7.0 GiB"),
        ("vanished", 7, 0, 0, "vanished; its last size was 7.0 GiB"),
        ("jump", 0, 7, 0, "gained 100 %, 7.0 GiB; usual at most 0 B a day"),
    ],
)
def test_an_event_is_told_with_what_is_usual(kind, before, after, usual, sentence):
    sizes = {"before_bytes": before * GIB, "after_bytes": after * GIB, "usual_bytes": usual * GIB}
    assert event_sentence(CapacityEvent(kind=kind, **sizes)) == sentence

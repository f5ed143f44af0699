"""When a schedule runs next and what each run computes. No database."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django_celery_beat.tzcrontab import TzAwareCrontab

from capacity.periods import PERIODS, Period
from capacity.scheduling.job import What
from capacity.scheduling.times import When
from capacity.scheduling.upcoming import last_time, next_runs, next_times, warnings
from capacity.tests.schedules import crontab

pytestmark = pytest.mark.unit

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


def local(text, zone=SHANGHAI):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


#: crontab, zone, now, the next times with their offsets
NEXT = [
    ("0 3 * * *", SHANGHAI, "2025-03-05T02:59", "2025-03-05T03:00+08:00 2025-03-06T03:00+08:00"),
    ("0 3 * * *", SHANGHAI, "2025-03-05T03:00", "2025-03-06T03:00+08:00 2025-03-07T03:00+08:00"),
    ("20 4 * * 1", SHANGHAI, "2025-12-30T00:00", "2026-01-05T04:20+08:00 2026-01-12T04:20+08:00"),
    ("0 3 * * 6,0", SHANGHAI, "2025-03-05T00:00", "2025-03-08T03:00+08:00 2025-03-09T03:00+08:00"),
    ("40 4 1 * *", SHANGHAI, "2025-12-01T04:40", "2026-01-01T04:40+08:00 2026-02-01T04:40+08:00"),
    ("40 4 28 * *", SHANGHAI, "2024-02-28T04:41", "2024-03-28T04:40+08:00 2024-04-28T04:40+08:00"),
    ("0 5 1 1,4,7,10 *", SHANGHAI, "2025-10-02T00:00", "2026-01-01T05:00+08:00 2026-04-01T05:00+08:00"),
    ("0 5 15 3,6,9,12 *", SHANGHAI, "2025-10-02T00:00", "2025-12-15T05:00+08:00 2026-03-15T05:00+08:00"),
    ("0 0 29 2 *", SHANGHAI, "2025-03-01T00:00", "2028-02-29T00:00+08:00 2032-02-29T00:00+08:00"),
    ("0 0 31 * *", SHANGHAI, "2025-03-31T00:00", "2025-05-31T00:00+08:00 2025-07-31T00:00+08:00"),
    ("*/15 * * * *", SHANGHAI, "2025-03-05T02:50", "2025-03-05T03:00+08:00 2025-03-05T03:15+08:00"),
    # The clock is put forward from 02:00 to 03:00 on 9 March 2025 ...
    ("30 2 * * *", NEW_YORK, "2025-03-08T02:00", "2025-03-08T02:30-05:00 2025-03-09T03:30-04:00"),
    ("30 2 * * *", NEW_YORK, "2025-03-09T03:30", "2025-03-10T02:30-04:00 2025-03-11T02:30-04:00"),
    ("20 4 * * *", NEW_YORK, "2025-03-08T05:00", "2025-03-09T04:20-04:00 2025-03-10T04:20-04:00"),
    ("0 0 * * *", NEW_YORK, "2025-03-08T05:00", "2025-03-09T00:00-05:00 2025-03-10T00:00-04:00"),
    # ... and back from 02:00 to 01:00 on 2 November 2025.
    ("30 1 * * *", NEW_YORK, "2025-11-02T00:00", "2025-11-02T01:30-04:00 2025-11-03T01:30-05:00"),
    ("20 4 * * 0", NEW_YORK, "2025-11-01T00:00", "2025-11-02T04:20-05:00 2025-11-09T04:20-05:00"),
    ("40 4 1 * *", NEW_YORK, "2025-10-15T00:00", "2025-11-01T04:40-04:00 2025-12-01T04:40-05:00"),
]


@pytest.mark.parametrize(
    ("text", "every"), [("15 * * * *", 1), ("15 */2 * * *", 2), ("15 0,6,12,18 * * *", 6), ("15 */12 * * *", 12)]
)
def test_every_few_hours_is_read_and_written(text, every):
    when = When.of(crontab(text))

    assert when == When("hourly", time(0, 15), every=every)
    assert When.of(when.crontab()) == when


@pytest.mark.parametrize("text", ["15 */5 * * *", "15 8-18 * * *", "15 */6 * * 1", "15,45 */6 * * *"])
def test_other_hours_are_none_that_the_form_can_set(text):
    assert When.of(crontab(text)) is None


def test_an_hourly_one_should_last_have_run_within_the_hour():
    now = local("2025-11-02T12:10", NEW_YORK)  # the day has 25 hours
    when = When("hourly", time(0, 15), every=1)

    assert last_time(when, NEW_YORK, now) == local("2025-11-02T11:15", NEW_YORK)
    assert last_time(When("hourly", time(0, 15), every=6), NEW_YORK, now) == local("2025-11-02T06:15", NEW_YORK)


@pytest.mark.parametrize(("text", "zone", "now", "expected"), NEXT)
def test_the_next_times(text, zone, now, expected):
    times = next_times(crontab(text), zone, local(now, zone), 2)
    assert [at.astimezone(zone).isoformat(timespec="minutes") for at in times] == expected.split()


@pytest.mark.parametrize(("text", "zone", "now", "expected"), NEXT)
def test_they_are_when_beat_itself_finds_the_schedule_due(text, zone, now, expected):
    schedule = TzAwareCrontab(**crontab(text)._asdict(), tz=zone)
    last = local(now, zone)
    for moment in map(datetime.fromisoformat, expected.split()):
        with time_machine.travel(moment.timestamp() - 1, tick=False):
            assert not schedule.is_due(last).is_due
        with time_machine.travel(moment.timestamp(), tick=False):
            assert schedule.is_due(last).is_due
        last = moment.astimezone(zone)


def test_an_hour_that_comes_twice_is_counted_from_the_one_that_it_is():
    second = datetime(2025, 11, 2, 1, 15, tzinfo=NEW_YORK, fold=1)
    [at] = next_times(crontab("30 1 * * *"), NEW_YORK, second, 1)
    assert at == datetime(2025, 11, 2, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0 0 31 2 *", "0 0 30,31 2 *", "0 0 31 4,6,9,11 *", "x 0 * * *", "61 0 * * *"])
def test_what_never_comes_has_no_next_time(text):
    assert next_times(crontab(text), SHANGHAI, local("2025-03-05T00:00"), 5) == []


@pytest.mark.parametrize(
    ("when", "now", "last"),
    [
        (When("daily", time(3)), "2025-03-05T03:00", "2025-03-05T03:00"),
        (When("daily", time(3)), "2025-03-05T02:59", "2025-03-04T03:00"),
        (When("weekly", time(4, 20), (1,)), "2025-03-10T04:19", "2025-03-03T04:20"),
        (When("weekly", time(4, 20), (1, 2, 3, 4, 5, 6)), "2025-03-10T04:19", "2025-03-08T04:20"),
        (When("monthly", time(4, 40)), "2025-03-01T04:39", "2025-02-01T04:40"),
        (When("monthly", time(4, 40), day=28), "2025-02-28T04:39", "2025-01-28T04:40"),
        (When("quarterly", time(5), day=28, month=3), "2025-12-28T04:59", "2025-09-28T05:00"),
    ],
)
def test_the_last_time(when, now, last):
    assert last_time(when, SHANGHAI, local(now)) == local(last)


def test_each_run_says_which_complete_periods_it_computes():
    what = What("aggregate", ("daily", "weekly", "monthly", "quarterly"))
    runs = next_runs(what, crontab("0 1 1 * *"), SHANGHAI, local("2025-03-15T00:00"), SHANGHAI)
    assert len(runs) == 5
    assert [(period.start.isoformat(), period.end.isoformat()) for period in runs[0].periods] == [
        ("2025-03-31", "2025-03-31"),
        ("2025-03-24", "2025-03-30"),
        ("2025-03-01", "2025-03-31"),
        ("2025-01-01", "2025-03-31"),
    ]
    assert runs[0].at.isoformat() == "2025-04-01T01:00:00+08:00"


def test_the_periods_are_those_of_the_day_in_the_zone_of_the_product():
    # 20:00 UTC on Monday is Tuesday, 04:00, in Shanghai.
    [run, *_] = next_runs(
        What("aggregate", ("daily",)), crontab("0 20 * * 1"), ZoneInfo("UTC"), local("2025-03-03T00:00"), SHANGHAI
    )
    assert run.at.isoformat() == "2025-03-04T04:00:00+08:00"
    assert run.periods == (Period.containing("daily", date(2025, 3, 3)),)


@pytest.mark.parametrize("what", [What("collect"), What("purge"), None])
def test_what_computes_no_periods_says_none(what):
    runs = next_runs(what, crontab("0 3 * * *"), SHANGHAI, local("2025-03-05T00:00"), SHANGHAI)
    assert {run.periods for run in runs} == {()}


MONDAY, TUESDAY = When("weekly", time(4), (1,)), When("weekly", time(4), (2, 4))
SKIPS = (
    "{}: each run of one level alone computes the last complete period only, so the ones between two runs are "
    "left out."
)


@pytest.mark.parametrize(
    ("what", "when", "expected"),
    [
        (What("aggregate", ("weekly",)), MONDAY, []),
        (What("aggregate", PERIODS), When("daily", time(4)), []),
        (What("aggregate", ("weekly",)), TUESDAY, ["Weekly: no run comes earlier than 1 day after it could."]),
        (
            What("aggregate", ("monthly",)),
            When("monthly", time(4), day=15),
            ["Monthly: no run comes earlier than 14 days after it could."],
        ),
        (What("aggregate", ("daily",)), MONDAY, []),  # both levels: the days between are stale, and computed too
        (What("aggregate", ("daily",), "instance"), MONDAY, [SKIPS.format("Daily")]),
        (What("aggregate", ("daily", "weekly"), "database"), MONDAY, [SKIPS.format("Daily")]),
        (What("aggregate", ("daily",), "instance"), When("daily", time(4)), []),
        (What("collect"), MONDAY, []),
    ],
)
def test_what_somebody_may_not_have_meant_is_said(what, when, expected):
    assert warnings(what, when, local("2025-03-05T00:00"), SHANGHAI) == expected

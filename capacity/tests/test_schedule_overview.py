"""What there is to say of schedules now: next runs, last session, a run that did not come."""

from datetime import datetime, time, timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from capacity.models import Schedule
from capacity.scheduling.job import What
from capacity.scheduling.overview import missed_run, overviews
from capacity.scheduling.reading import read
from capacity.scheduling.store import save_schedule
from capacity.scheduling.times import When
from capacity.tests.schedules import a_session, the

pytestmark = pytest.mark.django_db


def test_times_in_another_zone_are_shown_and_not_taken_for_ours():
    other = CrontabSchedule.objects.create(minute="0", hour="3", timezone="Europe/Berlin")
    PeriodicTask.objects.filter(name="WhaleFall: collect").update(crontab=other)
    [one] = overviews([the("collect")], datetime.fromisoformat("2025-03-05T12:00:00+08:00"))
    assert one.reading.problem == "Its times are in Europe/Berlin, not in the time zone of WhaleFall, Asia/Shanghai."
    assert one.runs[0].at.isoformat() == "2025-03-06T10:00:00+08:00"


def test_the_last_session_is_the_newest_of_its_kind():
    a_session("capacity:collection")
    collected = a_session("capacity:collection")
    a_session("aggregation:weekly")
    daily = a_session("aggregation:daily")
    a_session("aggregation:daily:7")  # of one instance
    both = Schedule(name="both")
    save_schedule(both, What("aggregate", ("daily", "weekly")), When("daily", time(4)))
    chosen = [the("collect"), the("aggregate daily"), the("aggregate monthly"), the("purge"), both]
    found = [one.session for one in overviews(chosen, timezone.now())]
    assert found == [collected, daily, None, None, daily]


def test_overviews_cost_one_query(django_assert_num_queries):
    chosen = list(Schedule.objects.select_related("crontab", "interval", "solar", "clocked"))
    with django_assert_num_queries(1):
        overviews(chosen, timezone.now())


#: what, made before it was due, status and age in minutes of the last session: whether a run is missed.
#: It was due 90 minutes ago.
MISSED = [
    (What("collect"), True, None, True),
    (What("collect"), True, ("completed", 100), True),
    (What("collect"), True, ("failed", 80), False),
    (What("collect"), True, ("running", 100), False),
    (What("collect"), False, None, False),
    (What("aggregate", ("daily",)), True, None, False),
    (What("aggregate", ("daily",), "instance"), True, None, True),
    (What("purge"), True, None, False),
]


@pytest.mark.parametrize(("what", "before", "last", "missed"), MISSED)
def test_a_run_that_did_not_come_is_noticed_where_that_can_be_known(what, before, last, missed):
    now = timezone.localtime()
    due = (now - timedelta(minutes=90)).replace(second=0, microsecond=0)
    schedule = Schedule(name="ours")
    save_schedule(schedule, what, When("daily", due.time()))
    schedule.date_changed = due - timedelta(days=5) if before else due + timedelta(minutes=1)
    session = a_session(what.lock_keys[0], last[1], last[0]) if last else None
    assert missed_run(schedule, read(schedule), session, now) == (due if missed else None)
    schedule.enabled = False
    assert missed_run(schedule, read(schedule), session, now) is None


def test_within_the_hour_it_is_not_missed_yet_but_the_one_of_the_day_before_is():
    now = timezone.localtime()
    due = (now - timedelta(minutes=50)).replace(second=0, microsecond=0)
    schedule = Schedule(name="ours")
    save_schedule(schedule, What("collect"), When("daily", due.time()))
    schedule.date_changed = due - timedelta(hours=1)
    assert missed_run(schedule, read(schedule), None, now) is None
    schedule.date_changed = due - timedelta(days=5)
    assert missed_run(schedule, read(schedule), None, now) == due - timedelta(days=1)


def test_aggregation_that_is_switched_off_misses_nothing(settings):
    settings.WHALEFALL_AGGREGATION_ENABLED = False
    schedule = Schedule(name="ours")
    save_schedule(schedule, What("aggregate", ("daily",), "instance"), When("daily", time(4)))
    schedule.date_changed = timezone.now() - timedelta(days=9)
    assert missed_run(schedule, read(schedule), None, timezone.now()) is None


def test_an_interval_has_no_times_of_the_calendar():
    every = IntervalSchedule.objects.create(every=2, period="hours")
    PeriodicTask.objects.filter(name="WhaleFall: collect").update(crontab=None, interval=every)
    [one] = overviews([the("collect")], timezone.now())
    assert (one.runs, one.reading.crontab) == ([], None)

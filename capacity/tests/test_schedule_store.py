"""Schedules in the rows of django-celery-beat: read, written in one transaction, and loaded by beat."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, time, timedelta

import pytest
import time_machine
from celery import current_app
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from capacity.models import Schedule
from capacity.periods import PERIODS
from capacity.scheduling.job import What
from capacity.scheduling.reading import read
from capacity.scheduling.store import delete_schedules, save_schedule, switch
from capacity.scheduling.times import When
from capacity.tests.schedules import crontabs, the

pytestmark = pytest.mark.django_db

DAILY = What("aggregate", ("daily",))
WHENS = {
    "WhaleFall: collect": (What("collect"), When("daily", time(3))),
    "WhaleFall: aggregate daily": (DAILY, When("daily", time(4))),
    "WhaleFall: aggregate weekly": (What("aggregate", ("weekly",)), When("weekly", time(4, 20), (1,))),
    "WhaleFall: aggregate monthly": (What("aggregate", ("monthly",)), When("monthly", time(4, 40))),
    "WhaleFall: aggregate quarterly": (What("aggregate", ("quarterly",)), When("quarterly", time(5))),
    "WhaleFall: forecasts": (What("insight"), When("daily", time(5, 30))),
    "WhaleFall: largest tables": (What("tables"), When("weekly", time(6), (1,))),
    "WhaleFall: purge": (What("purge"), When("daily", time(5, 30))),
    "WhaleFall: send the report": (What("report"), When("monthly", time(6))),
}
EACH_MINUTE = ("WhaleFall: fail dead sessions", "WhaleFall: send messages")


def rows():
    """Every row of both tables, as it is."""
    return list(PeriodicTask.objects.order_by("pk").values()), list(CrontabSchedule.objects.order_by("pk").values())


def shared():
    """Two schedules on one crontab."""
    other = PeriodicTask.objects.create(name="other", task="capacity.purge_samples", crontab=the("collect").crontab)
    return the("collect"), other


def test_the_defaults_are_read_and_written_back_without_a_change():
    for schedule in Schedule.objects.select_related("crontab").exclude(name__in=EACH_MINUTE):
        reading = read(schedule)
        assert (reading.what, reading.when, reading.problem) == (*WHENS[schedule.name], "")
        before = [row | {"date_changed": None} for row in rows()[0]], rows()[1]
        save_schedule(schedule, reading.what, reading.when)
        assert ([row | {"date_changed": None} for row in rows()[0]], rows()[1]) == before


def test_the_reaper_is_read_but_has_times_that_the_form_cannot_set():
    reading = read(the("fail dead sessions"))
    assert (reading.what, reading.when, reading.is_plain) == (What("reap"), None, False)


def test_a_new_one_is_written():
    schedule = Schedule(name="ours", description="why")
    save_schedule(schedule, What("aggregate", ("daily", "weekly"), "instance"), When("weekly", time(1, 5), (1, 7)))
    stored = PeriodicTask.objects.get(name="ours")
    assert (stored.task, stored.args, json.loads(stored.kwargs), stored.enabled) == (
        "capacity.run_capacity_aggregation",
        "[]",
        {"periods": ["daily", "weekly"], "scope": "instance"},
        True,
    )
    assert crontabs()["5 1 0,1 * *"] == 1
    assert str(stored.crontab.timezone) == "Asia/Shanghai"


def test_a_crontab_that_exists_in_the_zone_of_the_product_is_reused():
    CrontabSchedule.objects.create(minute="7", hour="3", timezone="UTC")
    mine = CrontabSchedule.objects.create(minute="7", hour="3", timezone="Asia/Shanghai")
    CrontabSchedule.objects.create(minute="7", hour="3", timezone="Asia/Shanghai")
    schedule = Schedule(name="ours")
    save_schedule(schedule, What("collect"), When("daily", time(3, 7)))
    assert schedule.crontab == mine


def test_a_crontab_that_others_use_is_left_to_them():
    schedule, other = shared()
    save_schedule(schedule, What("collect"), When("daily", time(2)))
    other.refresh_from_db()
    assert (other.crontab.hour, the("collect").crontab.hour) == ("3", "2")
    assert (crontabs()["0 3 * * *"], crontabs()["0 2 * * *"]) == (1, 1)


def test_a_crontab_that_nothing_uses_any_more_goes():
    save_schedule(the("collect"), What("collect"), When("daily", time(2)))
    assert "0 3 * * *" not in crontabs()
    assert crontabs()["0 2 * * *"] == 1


def test_beat_counts_from_the_change_of_the_times_and_from_no_other():
    before = timezone.now() - timedelta(days=1)
    PeriodicTask.objects.update(last_run_at=before)
    save_schedule(the("aggregate daily"), What("aggregate", PERIODS), WHENS["WhaleFall: aggregate daily"][1])
    save_schedule(the("collect"), What("collect"), When("daily", time(2)))
    assert (the("aggregate daily").last_run_at, the("collect").last_run_at) == (before, None)


def test_a_write_that_fails_leaves_nothing(monkeypatch):
    schedule, before = the("collect"), rows()

    def fail(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr("capacity.scheduling.store.drop_unused", fail)
    with pytest.raises(DatabaseError):
        save_schedule(schedule, What("collect"), When("daily", time(2)))
    with pytest.raises(DatabaseError):
        delete_schedules([the("purge")])
    assert rows() == before


def test_deleting_takes_the_crontab_along_unless_others_use_it():
    schedule, other = shared()
    delete_schedules([schedule, the("purge"), the("forecasts")])
    assert (
        set(PeriodicTask.objects.values_list("name", flat=True)) & {"WhaleFall: collect", "WhaleFall: purge"} == set()
    )
    assert crontabs()["0 3 * * *"] == 1
    assert "30 5 * * *" not in crontabs()
    assert PeriodicTask.objects.filter(pk=other.pk).exists()


def test_switching_tells_what_it_changed_and_counts_from_then_on():
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(days=9))
    chosen = Schedule.objects.filter(name__in=["WhaleFall: collect", "WhaleFall: purge"])
    assert [one.name for one in switch(chosen.order_by("name"), False)] == ["WhaleFall: collect", "WhaleFall: purge"]
    assert switch(chosen.all(), False) == []
    assert [one.name for one in switch(Schedule.objects.filter(name="WhaleFall: collect"), True)] == [
        "WhaleFall: collect"
    ]
    assert (the("collect").enabled, the("collect").last_run_at, the("purge").enabled) == (True, None, False)
    assert the("aggregate daily").last_run_at is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda: save_schedule(the("collect"), What("collect"), When("daily", time(2))),
        lambda: delete_schedules([the("collect")]),
        lambda: switch([the("collect")], False),
    ],
)
def test_beat_is_told(change):
    PeriodicTasks.objects.all().delete()
    change()
    assert PeriodicTasks.last_change() is not None


def test_nothing_switched_is_nothing_told():
    PeriodicTasks.objects.all().delete()
    assert switch([the("collect")], True) == []
    assert PeriodicTasks.last_change() is None


@time_machine.travel("2026-03-27T17:30:00Z", tick=False)  # beat loads only what is due within two hours
def test_beat_loads_what_is_written():
    save_schedule(
        Schedule(name="ours"), What("aggregate", ("daily",), "instance"), When("monthly", time(1, 5), day=28)
    )
    save_schedule(Schedule(name="off", enabled=False), What("collect"), When("daily", time(1)))
    loaded = DatabaseScheduler(app=current_app._get_current_object(), lazy=True).all_as_schedule()
    assert "off" not in loaded
    entry = loaded["ours"]
    assert (entry.task, entry.args, entry.kwargs) == (
        "capacity.run_capacity_aggregation",
        [],
        {"periods": ["daily"], "scope": "instance"},
    )
    assert (entry.schedule.day_of_month, entry.schedule.hour, str(entry.schedule.tz)) == ({28}, {1}, "Asia/Shanghai")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"task": "celery.backend_cleanup"}, "It is no task that this form knows."),
        ({"kwargs": "{'periods': 1}"}, "Its arguments are not JSON: it never runs."),
        ({"kwargs": '{"periods": ["hourly"]}'}, "'hourly' is not a period type"),
        ({"crontab": None}, "It has no times of the calendar."),
        ({"one_off": True}, "It has a first or a last time, or runs only once."),
        ({"start_time": datetime.fromisoformat("2099-01-01T00:00:00+00:00")}, "It has a first or a last time"),
        ({"expires": datetime.fromisoformat("2099-01-01T00:00:00+00:00")}, "It has a first or a last time"),
    ],
)
def test_what_the_form_cannot_show_has_a_plain_reason(fields, problem):
    PeriodicTask.objects.filter(name="WhaleFall: aggregate daily").update(**fields)
    reading = read(the("aggregate daily"))
    assert problem in reading.problem
    assert not reading.is_plain


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_crontab_that_somebody_is_about_to_use_is_kept(elsewhere):
    def move():
        save_schedule(the("collect"), What("collect"), When("daily", time(2)))

    def is_waiting():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
            return cursor.fetchone()[0]

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            shared()
            moved = pool.submit(elsewhere, move)
            while not is_waiting():
                assert not moved.done(), "it did not wait"
        moved.result(timeout=30)
    assert crontabs()["0 3 * * *"] == 1

"""The default schedules: what they are, and that staff have the last word."""

import json
from io import StringIO

import pytest
from celery import current_app
from django.core.management import call_command
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

from capacity import schedules
from capacity.schedules import default_schedules, install_schedules
from capacity.tests.test_fifth_period import HALF_YEARLY

pytestmark = pytest.mark.django_db

#: name: minute, hour, day of the week, of the month, month; task; arguments
DEFAULTS = {
    "WhaleFall: collect": ("0 3 * * *", "capacity.collect_capacity", {}),
    "WhaleFall: aggregate daily": ("0 4 * * *", "capacity.run_capacity_aggregation", {"periods": ["daily"]}),
    "WhaleFall: aggregate weekly": ("20 4 1 * *", "capacity.run_capacity_aggregation", {"periods": ["weekly"]}),
    "WhaleFall: aggregate monthly": ("40 4 * 1 *", "capacity.run_capacity_aggregation", {"periods": ["monthly"]}),
    "WhaleFall: aggregate quarterly": (
        "0 5 * 1 1,4,7,10",
        "capacity.run_capacity_aggregation",
        {"periods": ["quarterly"]},
    ),
    "WhaleFall: forecasts": ("30 5 * * *", "capacity.refresh_insight", {}),
    "WhaleFall: largest tables": ("0 6 1 * *", "capacity.snapshot_tables", {}),
    "WhaleFall: purge": ("30 5 * * *", "capacity.purge_samples", {}),
    "WhaleFall: fail dead sessions": ("* * * * *", "sync_sessions.fail_stale_sessions", {}),
    "WhaleFall: send messages": ("* * * * *", "capacity.send_notifications", {}),
}


def stored():
    """The schedules as DEFAULTS has them."""
    found = {}
    for one in PeriodicTask.objects.filter(enabled=True).select_related("crontab"):
        when = one.crontab
        fields = when.minute, when.hour, when.day_of_week, when.day_of_month, when.month_of_year
        found[one.name] = (" ".join(fields), one.task, json.loads(one.kwargs))
    return found


def migrate():
    """As an upgrade does, with nothing left to migrate."""
    call_command("migrate", verbosity=0)


def command():
    out = StringIO()
    call_command("install_schedules", stdout=out)
    return out.getvalue().splitlines()


def test_the_first_migrate_makes_the_defaults_and_nothing_else():
    PeriodicTask.objects.all().delete()

    migrate()

    assert stored() == DEFAULTS


def test_the_database_of_the_tests_has_them_from_its_migrate():
    assert stored() == DEFAULTS


def test_the_report_is_off_until_somebody_wants_it():
    report = PeriodicTask.objects.get(name="WhaleFall: send the report")
    assert (report.enabled, report.task, report.crontab.hour) == (False, "capacity.send_report", "6")


def test_they_are_in_the_time_zone_of_the_product(settings):
    assert {str(one.timezone) for one in CrontabSchedule.objects.all()} == {"Asia/Shanghai"}

    PeriodicTask.objects.all().delete()
    settings.TIME_ZONE = "Europe/Berlin"
    install_schedules()

    used = CrontabSchedule.objects.filter(periodictask__isnull=False)
    assert {str(one.timezone) for one in used} == {"Europe/Berlin"}


def test_the_tasks_they_name_exist():
    current_app.loader.import_default_modules()  # as a worker does

    assert {default.task for default in default_schedules()} <= set(current_app.tasks)


@pytest.mark.parametrize("again", [migrate, command])
def test_what_staff_have_edited_stays(again):
    other = CrontabSchedule.objects.create(minute="7", hour="1", timezone="Asia/Shanghai")
    PeriodicTask.objects.filter(name="WhaleFall: collect").update(enabled=False)
    PeriodicTask.objects.filter(name="WhaleFall: purge").update(crontab=other, kwargs='{"x": 1}', description="ours")
    columns = "name", "enabled", "crontab", "kwargs", "description", "task"
    before = list(PeriodicTask.objects.order_by("name").values(*columns))

    again()

    assert list(PeriodicTask.objects.order_by("name").values(*columns)) == before


def test_what_staff_have_deleted_does_not_come_back_by_migrate_but_by_the_command():
    PeriodicTask.objects.filter(name__in=["WhaleFall: collect", "WhaleFall: purge"]).delete()

    migrate()
    assert set(DEFAULTS) - set(stored()) == {"WhaleFall: collect", "WhaleFall: purge"}

    assert command() == ["Schedule made: WhaleFall: collect", "Schedule made: WhaleFall: purge"]
    assert stored() == DEFAULTS
    assert command() == ["All default schedules exist already."]


def test_schedules_of_staff_themselves_do_not_keep_the_defaults_away():
    crontab = CrontabSchedule.objects.create(minute="1")
    PeriodicTask.objects.all().delete()
    PeriodicTask.objects.create(name="our own", task="capacity.collect_capacity", crontab=crontab)

    migrate()

    assert set(stored()) == {*DEFAULTS, "our own"}


def test_a_crontab_that_exists_is_shared_even_if_it_exists_twice():
    PeriodicTask.objects.all().delete()
    CrontabSchedule.objects.all().delete()
    twice = [CrontabSchedule.objects.create(minute="0", hour="3", timezone="Asia/Shanghai") for _ in range(2)]
    utc = CrontabSchedule.objects.create(minute="0", hour="4", timezone="UTC")

    install_schedules()

    assert PeriodicTask.objects.get(name="WhaleFall: collect").crontab in twice
    assert PeriodicTask.objects.get(name="WhaleFall: aggregate daily").crontab != utc
    assert stored() == DEFAULTS


def test_beat_is_told_of_new_ones():
    PeriodicTask.objects.filter(name="WhaleFall: purge").delete()
    PeriodicTasks.objects.all().delete()

    install_schedules()

    assert PeriodicTasks.last_change() is not None


def test_all_or_none_are_made(monkeypatch):
    PeriodicTask.objects.all().delete()
    real = default_schedules

    def break_off():
        yield next(real())
        raise RuntimeError

    monkeypatch.setattr(schedules, "default_schedules", break_off)
    with pytest.raises(RuntimeError):
        install_schedules()

    assert stored() == {}


def test_a_fifth_kind_of_period_gets_its_schedule(monkeypatch):
    monkeypatch.setattr(schedules, "PERIOD_CONFIG", (*schedules.PERIOD_CONFIG, HALF_YEARLY))

    assert install_schedules() == ["WhaleFall: aggregate half_yearly"]
    assert stored()["WhaleFall: aggregate half_yearly"] == (
        "20 5 * 1 1,7",
        "capacity.run_capacity_aggregation",
        {"periods": ["half_yearly"]},
    )

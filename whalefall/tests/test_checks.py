"""System checks: what would start now and go wrong later is an error that says what to do."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from capacity.models import CapacityState
from whalefall import checks

pytestmark = pytest.mark.django_db


def complaint(fail_level="ERROR"):
    with pytest.raises(SystemCheckError) as stopped:
        call_command("check", fail_level=fail_level)
    return str(stopped.value)


def test_the_zone_of_the_samples_is_the_zone_of_the_settings(settings):
    CapacityState.objects.create(pk=1, time_zone=settings.TIME_ZONE)
    call_command("check", fail_level="INFO")


def test_another_zone_than_that_of_the_samples_is_an_error(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    CapacityState.objects.create(pk=1, time_zone="Asia/Kolkata")
    text = complaint()
    assert "(whalefall.E001) WHALEFALL_TIME_ZONE is Europe/Berlin" in text
    assert "Set WHALEFALL_TIME_ZONE=Asia/Kolkata." in text
    assert "run `manage.py rezone`" in text


def test_celery_in_another_zone_is_an_error(settings):
    settings.CELERY_TIMEZONE = "UTC"
    text = complaint()
    assert f"(whalefall.E005) CELERY_TIMEZONE is UTC, but TIME_ZONE is {settings.TIME_ZONE}" in text
    assert "Leave both to WHALEFALL_TIME_ZONE" in text


@pytest.fixture
def purge_in_utc():
    """The schedule of the purge, with a crontab in UTC."""
    schedule = PeriodicTask.objects.get(task="capacity.purge_samples")
    schedule.crontab = CrontabSchedule.objects.create(minute="7", timezone="UTC")
    schedule.save()
    return schedule


def test_a_schedule_of_ours_in_another_zone_is_a_warning(settings, purge_in_utc):
    text = complaint("WARNING")
    assert f"(whalefall.W001) WHALEFALL_TIME_ZONE is {settings.TIME_ZONE}" in text
    assert "go by another one: WhaleFall: purge (UTC)." in text
    assert f"Set their crontabs to {settings.TIME_ZONE} in the admin" in text
    call_command("check", fail_level="ERROR")


def test_schedules_of_other_tasks_may_have_any_zone(purge_in_utc):
    purge_in_utc.task = "their.report"
    purge_in_utc.save()
    call_command("check", fail_level="INFO")


def test_of_another_zone_than_that_of_the_samples_alone_is_spoken(purge_in_utc):
    CapacityState.objects.create(pk=1, time_zone="Asia/Kolkata")
    text = complaint()
    assert "whalefall.E001" in text
    assert "whalefall.W001" not in text


def test_nothing_is_said_before_the_first_sample():
    call_command("check", fail_level="INFO")


def test_nothing_is_said_before_the_first_migrate():
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE capacity_state")
        cursor.execute("DROP TABLE django_celery_beat_periodictask")
    call_command("check", fail_level="INFO")


def test_a_database_that_is_too_old_is_an_error(monkeypatch):
    monkeypatch.setitem(checks.OLDEST, connection.vendor, (99,))
    text = complaint()
    assert "(whalefall.E002) The database is too old" in text
    assert "99 or newer" in text


@pytest.mark.django_db(transaction=True)
def test_a_database_that_django_refuses_as_too_old_is_an_error(monkeypatch):
    connection.close()
    monkeypatch.setattr("django.db.backends.base.base.RAN_DB_VERSION_CHECK", set())
    with monkeypatch.context() as patched:
        patched.setattr(connection.features, "minimum_database_version", (99,))
        assert "(whalefall.E002) The database is too old" in complaint()
    connection.close()


def test_the_oldest_versions_are_those_that_the_statements_need():
    assert checks.OLDEST == {"postgresql": (14,), "sqlite": (3, 35)}


@pytest.mark.parametrize("hosts", [["whalefall.example"], ["localhost", "*"], ["10.0.0.1"], [".example"]])
def test_debug_on_a_host_that_others_reach_is_an_error(settings, hosts):
    settings.DEBUG, settings.ALLOWED_HOSTS = True, hosts
    assert f"(whalefall.E003) DEBUG is on while ALLOWED_HOSTS names {hosts[-1]}" in complaint()


@pytest.mark.parametrize("hosts", [[], ["localhost", "127.0.0.1", "[::1]", "demo.localhost", ".localhost"]])
def test_debug_on_a_developers_machine_is_no_error(settings, hosts):
    settings.DEBUG, settings.ALLOWED_HOSTS = True, hosts
    call_command("check", fail_level="INFO")

"""Schedules as the tests name, fill in and look at them."""

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule

from capacity.models import Schedule
from capacity.periods import Crontab
from sync_sessions.choices import SessionStatus, SyncCategory, SyncType
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

AGGREGATE = "capacity.run_capacity_aggregation"


def the(name):
    """A default, by its name without the prefix."""
    return Schedule.objects.select_related("crontab").get(name=f"WhaleFall: {name}")


def schedule_url(schedule, page="change"):
    return reverse(f"admin:capacity_schedule_{page}", args=[schedule.pk])


def crontab(text):
    """minute hour day-of-month month day-of-week, as cron has them"""
    minute, hour, day, month, weekday = text.split()
    return Crontab(minute, hour, weekday, day, month)


def crontab_fields(crontab):
    """Its minute, hour, day of the week, of the month, month."""
    fields = crontab.minute, crontab.hour, crontab.day_of_week, crontab.day_of_month, crontab.month_of_year
    return " ".join(fields)


def crontabs():
    """{fields: how many tasks use it}"""
    return {crontab_fields(one): one.periodictask_set.count() for one in CrontabSchedule.objects.all()}


def a_session(key, minutes_ago=0, status=SessionStatus.COMPLETED):
    """One with this lock key, of that age."""
    session = sync_session_service.create_session(
        sync_type=SyncType.SCHEDULED_TASK, sync_category=SyncCategory.CAPACITY, lock_key=key
    )
    created = timezone.now() - timedelta(minutes=minutes_ago)
    SyncSession.objects.filter(pk=session.pk).update(status=status, created_at=created)
    session.refresh_from_db()
    return session


def typed(**changes):
    """What somebody fills in; a None leaves a field out, as a browser does with an unticked box."""
    given = {
        "name": "ours",
        "enabled": "on",
        "description": "",
        "job": "aggregate",
        "periods": ["weekly"],
        "scope": "all",
        "frequency": "weekly",
        "weekdays": ["1"],
        "month": "1",
        "day": "1",
        "at": "04:20",
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def loaded(page):
    """What a form that was opened would send when it is saved at once."""
    form = page.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    values["at"] = f"{values['at']:%H:%M}"
    return {name: "on" if value is True else value for name, value in values.items() if value not in (None, False)}

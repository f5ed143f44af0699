"""A site on which every name that somebody can choose is markup that would run."""

from datetime import timedelta

from axes.models import AccessAttempt, AccessLog
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from knox.models import AuthToken

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.collection.ingest import Sample, ingest
from capacity.schedules import install_schedules
from capacity.tests.factories import make_instance

HOSTILE = "<img src=x onerror=alert(1)>"
SCRIPT = "\"'><script>alert(2)</script>{{7*7}}"
LONG = "a-name-without-a-blank-in-it-" * 7


def make_hostile_site(user):
    """At least one row of everything that the admin shows, with a history of changes by `user`."""
    instances = [make_instance(name, description=SCRIPT, username=HOSTILE) for name in (HOSTILE, LONG)]
    now = timezone.now()
    for age in (2, 1, 0):
        at = now - timedelta(days=age)
        ingest([Sample(one.pk, name, at, 2**40 + age) for one in instances for name in (HOSTILE, SCRIPT, LONG)])
    hostile = get_user_model().objects.create_user(HOSTILE[:150], first_name=SCRIPT, last_name=HOSTILE, is_staff=True)
    CurrentAggregationService().aggregate_current(CurrentAggregationRequest(created_by=hostile))
    rows = [Group.objects.create(name=HOSTILE), hostile, *instances]
    install_schedules()
    PeriodicTask.objects.create(
        name=HOSTILE, task=SCRIPT, interval=IntervalSchedule.objects.create(every=1, period="days"), enabled=False
    )
    whole = CrontabSchedule.objects.create(minute="0", hour="4", timezone="Asia/Shanghai")
    for name in (LONG[:200], SCRIPT):
        PeriodicTask.objects.create(name=name, task="capacity.collect_capacity", crontab=whole, description=SCRIPT)
    SolarSchedule.objects.create(event="sunrise", latitude=1, longitude=1)
    ClockedSchedule.objects.create(clocked_time=now)
    seen = {"user_agent": SCRIPT, "ip_address": "192.0.2.1", "username": HOSTILE, "path_info": "/admin/login/"}
    AccessAttempt.objects.create(**seen, get_data=SCRIPT, post_data=SCRIPT, failures_since_start=5)
    AccessLog.objects.create(**seen)
    AuthToken.objects.create(hostile)
    LogEntry.objects.log_actions(user.pk, rows, CHANGE, change_message=SCRIPT)

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
from capacity.models import CapacityEvent, CapacityLimit, Forecast, PrometheusMapping, PrometheusSource, Tag
from capacity.schedules import install_schedules
from capacity.tests.alerts.factories import make_alert, make_channel, make_rule
from capacity.tests.factories import make_instance

HOSTILE = "<img src=x onerror=alert(1)>"
SCRIPT = "\"'><script>alert(2)</script>{{7*7}}"
LONG = "a-name-without-a-blank-in-it-" * 7


def make_derived(instance, database):
    """A row of all that is typed about an instance and derived from its samples, with names as they come."""
    day = timezone.localdate()
    instance.tags.add(Tag.objects.create(name=HOSTILE))
    CapacityLimit.objects.create(instance=instance, database_name=database, limit_bytes=2**41, note=SCRIPT)
    CapacityEvent.objects.create(
        instance=instance, database_name=database, day=day, kind="jump", before_bytes=1, after_bytes=2, usual_bytes=1
    )
    Forecast.objects.create(
        instance=instance,
        level="database",
        database_name=database,
        week=day,
        made_on=day,
        calculated_at=timezone.now(),
        state="date",
        expected_on=day + timedelta(days=30),
        earliest_on=day + timedelta(days=20),
        limit_bytes=2**41,
        confidence="low",
        days_covered=1,
        level_bytes=1,
        weekly_bytes=1,
        spread_bytes=1,
        headroom_bytes=1,
    )
    rule = make_rule(name=HOSTILE[:100])
    make_alert(rule, instance, database, note=SCRIPT)
    make_channel(address=f"https://{SCRIPT}").rules.add(rule)
    source = PrometheusSource.objects.create(name=HOSTILE, url="http://prometheus.example:9090")
    PrometheusMapping.objects.create(
        source=source,
        name=SCRIPT[:100],
        query=HOSTILE,
        instance_label="instance",
        database_label="datname",
        kind="size",
        db_type="postgresql",
    )


def make_hostile_site(user):
    """At least one row of everything that the admin shows, with a history of changes by `user`."""
    instances = [make_instance(name, description=SCRIPT, username=HOSTILE) for name in (HOSTILE, LONG)]
    now = timezone.now()
    for age in (2, 1, 0):
        at = now - timedelta(days=age)
        ingest([Sample(one.pk, name, at, 2**40 + age) for one in instances for name in (HOSTILE, SCRIPT, LONG)])
    hostile = get_user_model().objects.create_user(HOSTILE[:150], first_name=SCRIPT, last_name=HOSTILE, is_staff=True)
    CurrentAggregationService().aggregate_current(CurrentAggregationRequest(created_by=hostile))
    make_derived(instances[0], HOSTILE)
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

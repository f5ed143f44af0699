import json
from collections import Counter
from datetime import datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Count, Max, Min
from django.urls import reverse

from capacity.alerts.evaluation import evaluate
from capacity.insight.refresh import due, refresh
from capacity.models import (
    Alert,
    AlertRule,
    CapacityEvent,
    DatabaseSizeStat,
    Instance,
    InstanceSizeStat,
    NotificationChannel,
    RuleKind,
)
from sync_sessions.models import SyncInstanceRecord, SyncSession

pytestmark = pytest.mark.django_db  # and so before the tests that empty the tables, of the alert rules as well

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2025, 7, 2, 12, tzinfo=SHANGHAI)
TODAY = NOON.date()


def seed_demo(*options):
    out = StringIO()
    call_command("seed_demo", *options, stdout=out)
    return out.getvalue()


@pytest.fixture(scope="module")
def demo(kept):
    """What the command said in production, forced."""
    with time_machine.travel(NOON, tick=False):
        said = json.loads(seed_demo("--force", "--json"))
        connection.check_constraints()  # else PostgreSQL does it after every test
        yield said


@pytest.fixture
def development(demo, settings):
    """DEBUG is on; what is made is gone after the test."""
    settings.DEBUG = True
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def days_of(name):
    days = InstanceSizeStat.objects.filter(instance__name=name).order_by("collected_on")
    return list(days.values_list("collected_on", flat=True))


def sizes_of(name, database):
    samples = DatabaseSizeStat.objects.filter(instance__name=name, database_name=database)
    return dict(samples.values_list("collected_on", "size_bytes"))


def ago(days):
    return TODAY - timedelta(days=days)


def test_it_makes_24_instances_of_the_four_engines(demo):
    engines = {"postgresql": 7, "mysql": 7, "sqlserver": 5, "oracle": 5}
    assert Counter(Instance.objects.values_list("db_type", flat=True)) == engines


def test_one_has_a_host_and_that_exists_nowhere(demo):
    hosts = Instance.objects.exclude(host="").values_list("name", "host")
    assert list(hosts) == [("erp-oracle-2", "erp-oracle-2.demo.invalid")]


def test_an_instance_has_2_to_30_databases(demo):
    found = DatabaseSizeStat.objects.values("instance").annotate(n=Count("database_name", distinct=True))
    numbers = [one["n"] for one in found]
    assert (min(numbers), max(numbers), len(numbers)) == (2, 30, 23)


def test_the_history_is_400_days_up_to_today(demo):
    span = DatabaseSizeStat.objects.aggregate(first=Min("collected_on"), last=Max("collected_on"))
    assert span == {"first": ago(399), "last": TODAY}
    assert days_of("prod-pg-01") == [ago(age) for age in range(399, -1, -1)]


def test_a_database_is_sampled_once_a_day_at_three_o_clock(demo):
    moments = DatabaseSizeStat.objects.values_list("collected_at", flat=True).distinct()
    assert {moment.astimezone(SHANGHAI).hour for moment in moments} == {3}
    repeated = DatabaseSizeStat.objects.values("instance", "database_name", "collected_on").annotate(n=Count("*"))
    assert not repeated.filter(n__gt=1).exists()


def test_the_same_day_gives_the_same_numbers_on_every_machine(demo):
    assert demo["samples"] == DatabaseSizeStat.objects.count() == 86_755
    assert sizes_of("prod-pg-01", "accounts")[TODAY] == 22_511_230_976
    finances = InstanceSizeStat.objects.get(instance__name="MSSQL-FIN-01", collected_on=TODAY)
    assert finances.total_size_bytes == 1_464_443_428_864


def test_sizes_grow(demo):
    totals = InstanceSizeStat.objects.filter(instance__name="prod-pg-02")
    oldest, newest = totals.earliest("collected_on"), totals.latest("collected_on")
    assert newest.total_size_bytes > 1.1 * oldest.total_size_bytes


def test_sizes_swell_over_the_week(demo):
    rises = Counter()
    totals = InstanceSizeStat.objects.filter(instance__name="prod-pg-02").order_by("collected_on")
    sizes = list(totals.values_list("collected_on", "total_size_bytes"))
    for (_day, before), (day, size) in zip(sizes, sizes[1:], strict=False):
        rises["monday" if day.weekday() == 0 else "other days", size > before] += 1
    assert rises["monday", False] > 0.9 * 56
    assert rises["other days", True] > 0.9 * 342


def test_a_database_is_purged(demo):
    events = sizes_of("prod-pg-01", "events")
    assert 0.3 < events[ago(62)] / events[ago(63)] < 0.5


def test_a_database_appears(demo):
    assert min(sizes_of("shop-mysql-01", "campaigns")) == ago(43)


def test_a_database_vanishes(demo):
    assert max(sizes_of("MSSQL-CRM-01", "leads")) == ago(77)


def test_days_are_missing_where_an_instance_was_not_reached(demo):
    missing = {ago(age) for age in range(400)} - set(days_of("staging-pg-01"))
    assert missing == {ago(age) for age in (36, 35, 34, 33, 32, 31, 12, 11, 10)}
    assert 300 < len(days_of("wiki-mysql-01")) < 400


def test_sql_server_alone_has_data_and_log_sizes(demo):
    samples = DatabaseSizeStat.objects.exclude(data_size_bytes=None, log_size_bytes=None)
    assert set(samples.values_list("instance__db_type", flat=True).distinct()) == {"sqlserver"}
    ours = DatabaseSizeStat.objects.filter(instance__db_type="sqlserver")
    assert samples.count() == ours.count()
    assert all(s.size_bytes == s.data_size_bytes + s.log_size_bytes > s.data_size_bytes for s in ours[:500])


def test_one_instance_has_no_samples(demo):
    empty = Instance.objects.filter(samples=None, is_active=True)
    assert list(empty.values_list("name", flat=True)) == ["new-oracle-1"]


def test_one_instance_is_inactive_and_has_a_history(demo):
    assert list(Instance.objects.filter(is_active=False).values_list("name", flat=True)) == ["legacy-mysql-01"]
    assert days_of("legacy-mysql-01")[-1] == ago(120)


def test_a_second_call_adds_nothing(demo):
    assert json.loads(seed_demo("--force", "--json")) == demo | {"created": 0, "samples": 0, "login_created": False}


def test_people_are_told_what_was_made(demo):
    lines = seed_demo("--force").splitlines()
    assert "prod-pg-01  PostgreSQL  18  1.2 TiB  events was purged two months ago" in lines
    assert "new-oracle-1  Oracle  –  –  no samples yet" in lines
    assert lines[-1] == "0 of 24 instances and 0 samples made; the history goes from 2024-05-29 to 2025-07-02."


def test_forced_in_production_it_makes_no_login(demo):
    assert demo["login_created"] is False
    assert not get_user_model().objects.exists()


def test_in_development_it_makes_a_superuser(development):
    assert seed_demo().splitlines()[-1] == "Log in as demo with the password demo."
    demo = get_user_model().objects.get()
    assert demo.check_password("demo")
    assert demo.is_superuser


def test_a_user_named_demo_is_left_as_it_is(development):
    get_user_model().objects.create_user("demo", password="my own")
    assert json.loads(seed_demo("--json"))["login_created"] is False
    demo = get_user_model().objects.get()
    assert demo.check_password("my own")
    assert not demo.is_superuser


@pytest.fixture
def told(demo):
    """Forecasts, events and alerts are made of it; they are gone after the test."""
    with transaction.atomic():
        refresh(list(due().values_list("pk", flat=True)), NOON)
        yield evaluate(NOON)
        transaction.set_rollback(True)


def test_its_stories_are_found_as_events_and_nothing_else_cries(told):
    found = CapacityEvent.objects.order_by("-day", "instance", "database_name")
    assert list(found.values_list("instance__name", "database_name", "day", "kind")) == [
        ("shop-mysql-02", "", ago(2), "jump"),  # the instance is larger with what was loaded
        ("shop-mysql-02", "exports", ago(2), "jump"),
        ("prod-pg-03", "clickstream", ago(3), "drop"),
        ("shop-mysql-01", "campaigns", ago(43), "appeared"),
        ("prod-pg-01", "events", ago(62), "drop"),
        ("MSSQL-CRM-01", "", ago(76), "drop"),  # the instance is smaller without leads
        ("MSSQL-CRM-01", "leads", ago(76), "vanished"),
    ]


def test_it_has_an_alert_of_each_kind_but_of_a_schedule_that_is_missed_when_no_beat_ran_for_a_day(told):
    found = Alert.objects.order_by("kind", "instance_name", "database_name")
    assert list(found.values_list("kind", "instance_name", "database_name", "status")) == [
        ("days_until_full", "analytics-pg-01", "", "open"),
        ("drop", "prod-pg-03", "clickstream", "open"),
        ("growth", "MySQL-03", "claims", "open"),
        ("growth", "shop-mysql-02", "exports", "open"),
        ("jump", "shop-mysql-02", "exports", "open"),
        ("limit_percent", "analytics-pg-01", "", "open"),
        ("limit_percent", "billing-pg-01", "", "open"),
        ("limit_percent", "erp-oracle-1", "scheduling", "open"),
        ("not_collected", "erp-oracle-2", "", "open"),
        ("run_failed", "", "", "open"),
        ("run_failed", "erp-oracle-2", "", "open"),
        ("size_over", "analytics-pg-01", "inventory", "open"),
        ("size_over", "analytics-pg-01", "tariffs", "open"),
    ]
    enabled = AlertRule.objects.filter(enabled=True)
    assert set(enabled.values_list("kind", flat=True)) == set(RuleKind.values)
    assert (told.messages, NotificationChannel.objects.count()) == (0, 0)


def test_each_night_since_a_server_is_gone_has_a_failed_collection(demo):
    records = SyncInstanceRecord.objects.order_by("pk")
    assert set(records.values_list("instance_name", "status", "error_code")) == {
        ("erp-oracle-2", "failed", "unknown_host")
    }
    nights = [datetime(*ago(age).timetuple()[:3], 3, tzinfo=SHANGHAI) for age in (3, 2, 1, 0)]
    assert list(records.values_list("session__created_at", flat=True)) == nights
    sessions = SyncSession.objects.order_by().values_list("sync_type", "status", "lock_key").distinct()
    assert list(sessions) == [("scheduled_task", "failed", "capacity:collection")]


def test_the_page_of_a_failed_night_says_why(demo, admin_client):
    [record] = SyncInstanceRecord.objects.order_by("-pk")[:1]
    page = admin_client.get(reverse("admin:sync_sessions_syncsession_change", args=[record.session_id])).text
    assert "The host erp-oracle-2.demo.invalid is not known" in page

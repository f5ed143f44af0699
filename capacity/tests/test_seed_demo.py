from datetime import date, datetime
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db.models import Max

from capacity.models import AlertRule, DatabaseSizeStat, Instance
from capacity.tests.factories import make_instance
from sync_sessions.models import SyncSession

pytestmark = pytest.mark.django_db

SHANGHAI = ZoneInfo("Asia/Shanghai")


def seed_at(*moment):
    with time_machine.travel(datetime(*moment, tzinfo=SHANGHAI), tick=False):
        call_command("seed_demo", "--force", stdout=StringIO())


def test_on_a_later_day_the_new_days_are_added():
    seed_at(2025, 7, 2, 12)
    before = dict(DatabaseSizeStat.objects.values_list("pk", "size_bytes"))
    seed_at(2025, 7, 4, 12)
    new = DatabaseSizeStat.objects.exclude(pk__in=before)
    assert set(new.values_list("collected_on", flat=True)) == {date(2025, 7, 3), date(2025, 7, 4)}
    assert dict(DatabaseSizeStat.objects.filter(pk__in=before).values_list("pk", "size_bytes")) == before
    of_one = DatabaseSizeStat.objects.filter(instance__name="prod-pg-02", database_name="archive")
    sizes = dict(of_one.values_list("collected_on", "size_bytes"))
    assert 0.9 < sizes[date(2025, 7, 3)] / sizes[date(2025, 7, 2)] < 1.1


def test_on_a_later_day_its_nights_have_failed_as_well_and_rules_stay_as_they_were_left():
    seed_at(2025, 7, 2, 12)
    AlertRule.objects.update(enabled=False)
    seed_at(2025, 7, 4, 12)
    nights = SyncSession.objects.order_by("created_at").values_list("created_at", flat=True)
    assert [night.astimezone(SHANGHAI).isoformat() for night in nights] == [
        f"2025-{day}T03:00:00+08:00" for day in ("06-29", "06-30", "07-01", "07-02", "07-03", "07-04")
    ]
    assert not AlertRule.objects.filter(enabled=True).exists()


def test_beside_a_real_fleet_it_makes_up_no_runs_and_touches_no_rules():
    make_instance("ours")
    rules = list(AlertRule.objects.values())
    seed_at(2025, 7, 2, 12)
    assert not SyncSession.objects.exists()
    assert list(AlertRule.objects.values()) == rules


def test_before_three_o_clock_today_is_sampled_at_its_beginning_and_not_again_later():
    seed_at(2025, 7, 2, 0, 30)
    count = DatabaseSizeStat.objects.count()
    newest = DatabaseSizeStat.objects.aggregate(newest=Max("collected_at"))["newest"]
    assert newest == datetime(2025, 7, 2, tzinfo=SHANGHAI)
    seed_at(2025, 7, 2, 12)
    assert DatabaseSizeStat.objects.count() == count


def test_an_instance_of_the_same_name_that_it_did_not_make_is_not_touched():
    make_instance("prod-pg-03", description="ours")
    make_instance("MySQL-01", description="")
    with pytest.raises(CommandError, match="the names MySQL-01, prod-pg-03, but"):
        call_command("seed_demo", "--force")
    assert Instance.objects.count() == 2
    assert DatabaseSizeStat.objects.count() == 0
    assert not get_user_model().objects.exists()


def test_in_production_nothing_is_made():
    with pytest.raises(CommandError, match="This is production"):
        call_command("seed_demo")
    assert not Instance.objects.exists()

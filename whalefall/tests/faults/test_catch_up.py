"""What a schedule makes up for, and what it can no longer make good. No service is needed."""

from datetime import date, datetime

import pytest

from capacity.collection.ingest import Sample, ingest
from capacity.models import DatabaseDayStat, StalePeriod
from capacity.periods import Period
from capacity.tasks import run_capacity_aggregation
from capacity.tests.factories import make_instance
from capacity.tests.samples import aggregate, database_rows, instance_rows, run, the
from capacity.upkeep.retention import purge
from sync_sessions.models import SyncSession

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


def sample(instances, day, hour=1):
    ingest(
        [
            Sample(one.pk, "app", datetime.fromisoformat(f"{day}T{hour:02}:00:00+08:00"), 1000 + hour)
            for one in instances
        ]
    )


def runs_since(session=None):
    """What has been run, as (period type, start, how many instances), in this order."""
    later = SyncSession.objects.filter(pk__gt=session.pk if session else 0).order_by("pk")
    return [(one.details["period_type"], one.details["period_start"], one.total_instances) for one in later]


def at(clock, day, hour=4):
    clock.move_to(datetime.fromisoformat(f"{day}T{hour:02}:00:00+08:00"), tick=False)


def test_after_three_days_without_a_beat_everything_missing_or_outdated_is_computed_once(time_machine, tally):
    fleet = [make_instance(f"db-{n}") for n in range(3)]
    for day in range(10, 18):  # Monday 2025-03-10 to the Monday after
        at(time_machine, f"2025-03-{day}", 2)
        sample(fleet, f"2025-03-{day}")
    at(time_machine, "2025-03-18")
    run_capacity_aggregation()
    last = SyncSession.objects.latest("pk")

    for day in (18, 19, 20):  # collected, but nothing starts the runs
        at(time_machine, f"2025-03-{day}", 5)
        sample(fleet, f"2025-03-{day}", 5)
    at(time_machine, "2025-03-21")
    sample(fleet[:1], "2025-03-12", 20)  # late, for Wednesday of the week before
    tally.add("beat off for three days, late samples")
    result = run_capacity_aggregation()

    assert runs_since(last) == [
        ("daily", "2025-03-12", 1),
        ("daily", "2025-03-13", 1),
        ("daily", "2025-03-18", 3),
        ("daily", "2025-03-19", 3),
        ("daily", "2025-03-20", 3),
        ("weekly", "2025-03-10", 1),
    ]
    assert result["status"] == "completed"
    assert [entry["period_start"] for entry in result["periods"]] == [
        start for _type, start, _count in runs_since(last)
    ]
    assert not StalePeriod.objects.filter(period_type__in=["daily", "weekly"], period_start__lt="2025-03-17").exists()
    scheduled = database_rows(), instance_rows()
    for period in Period.within("daily", date(2025, 3, 10), date(2025, 3, 20)):
        aggregate(period)
    aggregate(the("weekly", "2025-03-10"))
    assert (database_rows(), instance_rows()) == scheduled

    last = SyncSession.objects.latest("pk")
    again = run_capacity_aggregation()
    assert (again["status"], again["message"]) == ("skipped", "No complete period is stale: nothing to do.")
    assert runs_since(last) == []


def test_an_old_period_whose_day_rows_were_purged_keeps_its_rows(time_machine, settings, tally):
    settings.WHALEFALL_DAY_RETENTION_DAYS, settings.WHALEFALL_CATCH_UP_DAYS = 400, 200
    instance = make_instance()
    at(time_machine, "2024-01-12")
    for day in (9, 10, 11):
        sample([instance], f"2024-01-{day:02}")
    for day in ("2024-05-01", "2024-08-01"):
        at(time_machine, day)
        run_capacity_aggregation()
    before = database_rows(stamps=True), instance_rows(stamps=True)
    assert {row["period_type"] for row in before[0]} == {"daily", "weekly", "monthly", "quarterly"}

    at(time_machine, "2025-06-30")
    purged = purge()
    tally.add("purge, then a run of an old period")
    assert (purged.samples, purged.days, DatabaseDayStat.objects.count()) == (3, 6, 0)
    for row in before[0]:
        session = run(the(row["period_type"], str(row["period_start"]))).session
        (record,) = session.records.all()
        assert (session.status, record.status, record.error_code) == ("completed", "skipped", "samples_purged")
    assert run_capacity_aggregation()["status"] == "skipped"

    assert (database_rows(stamps=True), instance_rows(stamps=True)) == before

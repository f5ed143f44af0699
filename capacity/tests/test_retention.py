"""What the purge deletes, what it keeps, and that nothing is made from what is gone."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from capacity.models import CapacityState, DatabaseDayStat, DatabaseSizeStat, InstanceSizeStat, StalePeriod
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, add_day, add_sample, database_rows, instance_rows, mark, run, the
from capacity.upkeep import retention
from capacity.upkeep.retention import PurgeResult, purge
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

LIMIT = date(2025, 6, 1)  # the first day that is kept by the setting alone


@pytest.fixture(autouse=True)
def _today(time_machine, settings):
    time_machine.move_to("2026-07-05T22:00:00Z", tick=False)  # six in the morning of 6 July in Shanghai
    settings.WHALEFALL_SAMPLE_RETENTION_DAYS = settings.WHALEFALL_DAY_RETENTION_DAYS = (date(2026, 7, 6) - LIMIT).days
    settings.WHALEFALL_SESSION_RETENTION_DAYS = 30


@pytest.fixture(autouse=True)
def state():
    return CapacityState.objects.create(pk=1, time_zone="Asia/Shanghai")


@pytest.fixture
def instance():
    return make_instance()


def kept(model=DatabaseSizeStat):
    return [str(day) for day in model.objects.order_by("collected_on").values_list("collected_on", flat=True)]


def purged_before():
    """Up to which day the day rows are gone."""
    return CapacityState.objects.get().days_purged_before


def purged(day=LIMIT, **counts):
    """What a purge says that went as far as LIMIT with samples, and as far as `day` with day rows."""
    return PurgeResult(purged_before=LIMIT, days_purged_before=day, **counts)


def a_session(days, lock_key="test", end="finish_session", **options):
    """A session, with a record, created so many days ago by the database's clock."""
    instance = make_instance()
    session = sync_session_service.create_session(
        sync_type="manual_task",
        sync_category="other",
        lock_key=lock_key,
        instances=[(instance.pk, instance.name)],
        **options,
    )
    if end:
        getattr(sync_session_service, end)(session)
    SyncSession.objects.filter(pk=session.pk).update(created_at=Now() - timedelta(days=days))
    return session


def test_samples_and_day_rows_older_than_their_retention_go(instance):
    other = make_instance(is_active=False)
    for one in (instance, other):
        for day in ("2024-01-01", "2025-05-31", "2025-06-01", "2026-07-05"):
            add_both(one, day, 100)

    assert purge() == purged(samples=4, days=8)
    assert kept() == kept(DatabaseDayStat) == kept(InstanceSizeStat) == ["2025-06-01"] * 2 + ["2026-07-05"] * 2
    assert purged_before() == CapacityState.objects.get().samples_purged_before == LIMIT
    assert purge() == purged()


def test_samples_go_and_their_day_rows_stay_for_ever_by_default(instance, settings):
    settings.WHALEFALL_DAY_RETENTION_DAYS = 0
    add_both(instance, "2025-05-31", 100)
    mark(instance, the("daily", "2025-05-31"))

    assert purge() == PurgeResult(purged_before=LIMIT, samples=1)
    assert (kept(), kept(DatabaseDayStat), kept(InstanceSizeStat)) == ([], ["2025-05-31"], ["2025-05-31"])
    assert run(the("daily", "2025-05-31")).summary.status == "completed"


def test_samples_never_outlive_their_day_rows(instance, settings):
    settings.WHALEFALL_SAMPLE_RETENTION_DAYS += 100
    add_both(instance, "2025-05-31", 100)

    assert purge() == purged(samples=1, days=2)


def test_daily_period_rows_have_a_retention_of_their_own(instance, settings):
    settings.WHALEFALL_DAILY_ROW_RETENTION_DAYS = 36
    for day in ("2026-05-30", "2026-05-31"):
        add_both(instance, day, 100)
        run(the("daily", day))
    run(the("weekly", "2026-05-30"))

    assert purge(dry_run=True) == purge() == purged(daily_rows=2)
    left = [("daily", date(2026, 5, 31)), ("weekly", date(2026, 5, 25))]
    for rows in (database_rows(), instance_rows()):
        assert [(row["period_type"], row["period_start"]) for row in rows] == left


def test_period_rows_stay(instance):
    add_both(instance, "2025-05-05", 100)
    run(the("daily", "2025-05-05"))
    before = database_rows(stamps=True), instance_rows(stamps=True)

    purge()

    assert (kept(), (database_rows(stamps=True), instance_rows(stamps=True))) == ([], before)


def test_a_dry_run_counts_the_same_and_changes_nothing(instance):
    for day in ("2025-05-30", "2025-05-31", "2025-06-02"):
        add_both(instance, day, 100)
    add_sample(instance, "second", "2025-05-31", 5)
    a_session(31)

    dry = purge(dry_run=True)

    assert dry == purged(samples=3, days=5, sessions=1)
    assert (len(kept()), len(kept(InstanceSizeStat)), purged_before()) == (4, 3, None)
    assert SyncSession.objects.count() == 1
    assert purge() == dry


@pytest.mark.django_db(transaction=True)
def test_it_deletes_in_batches_each_a_commit_of_its_own(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 3)
    monkeypatch.setattr(retention, "INSTANCES", 2)
    for _ in range(3):
        one = make_instance()
        for n in range(4):
            add_sample(one, f"db-{n}", "2025-05-31", 1)

    with CaptureQueriesContext(connection) as captured:
        assert purge().samples == 12

    deletes = [one["sql"] for one in captured if one["sql"].startswith('DELETE FROM "database_size_stats"')]
    sizes = [sql.count(",") + 1 for sql in deletes]
    assert sizes == [3, 3, 2, 3, 1]  # eight of the first two instances, four of the third
    assert kept() == []


def test_day_rows_of_a_stale_period_and_of_the_one_before_it_are_kept_for_it(instance):
    week = the("weekly", "2025-06-03")  # of 2 June
    for day in ("2025-05-25", "2025-05-26", "2025-06-03"):
        add_both(instance, day, 100)
    mark(instance, week)

    first = purge()

    assert first == purged(date(2025, 5, 26), samples=2, days=2, kept_for=(week,))
    assert first.as_dict()["kept_for"] == ["weekly 2025-06-02"]
    assert (kept(DatabaseDayStat), purged_before()) == (["2025-05-26", "2025-06-03"], date(2025, 5, 26))

    assert run(week, sync_type="scheduled_task").summary.status == "completed"
    assert purge() == purged(days=2)


def test_the_oldest_of_several_stale_periods_counts(instance):
    old, older = the("daily", "2025-03-10"), the("monthly", "2025-02-10")
    for period in (old, older):
        mark(instance, period)

    assert purge() == purged(date(2025, 1, 1), kept_for=(older, old))


@pytest.mark.parametrize(
    "period",
    [
        the("quarterly", "2026-07-01"),  # not over
        the("daily", "2026-07-06"),
        the("daily", "2026-07-05"),  # over
        the("daily", "2025-06-02"),  # the first one whose day before is kept anyhow
    ],
)
def test_a_stale_period_of_younger_days_holds_nothing(instance, period):
    mark(instance, period)

    assert (purge().kept_for, purged_before()) == ((), LIMIT)


def test_the_marks_of_an_inactive_instance_hold_nothing():
    retired = make_instance(is_active=False)
    add_both(retired, "2025-05-31", 100)
    mark(retired, the("daily", "2025-05-31"))

    assert purge() == purged(samples=1, days=2)


def test_a_stale_period_whose_days_are_gone_already_holds_nothing(instance, state):
    CapacityState.objects.update(days_purged_before=date(2025, 5, 1))
    mark(instance, the("daily", "2025-05-01"))  # the day before is gone
    add_both(instance, "2025-05-31", 100)

    assert purge() == purged(samples=1, days=2)


@pytest.mark.parametrize("dry_run", [True, False])
def test_how_far_it_went_never_goes_back(instance, settings, dry_run):
    purge()
    add_both(instance, "2025-05-31", 100)
    settings.WHALEFALL_SAMPLE_RETENTION_DAYS += 100
    settings.WHALEFALL_DAY_RETENTION_DAYS += 100

    assert purge(dry_run=dry_run) == purged(samples=1, days=2)
    assert purged_before() == LIMIT


def test_a_run_of_a_purged_period_is_skipped_and_its_rows_stay_as_they_are(instance):
    week = the("weekly", "2025-05-28")  # 26 May to 1 June
    for day in ("2025-05-28", "2025-06-01"):
        add_both(instance, day, 100 if day < "2025-06" else 900)
    run(week)
    before = database_rows(stamps=True), instance_rows(stamps=True)

    purge()
    result = run(week)

    assert (result.summary.status, result.session.records.get().error_code) == ("skipped", "samples_purged")
    assert (database_rows(stamps=True), instance_rows(stamps=True)) == before
    assert database_rows()[0]["avg_size_bytes"] == 500


def test_what_is_told_is_told_before_anything_is_deleted(instance, monkeypatch):
    add_both(instance, "2025-05-31", 100)

    def die(model, before):
        raise SystemExit

    monkeypatch.setattr(retention, "_delete", die)
    with pytest.raises(SystemExit):
        purge()

    assert (purged_before(), kept()) == (LIMIT, ["2025-05-31"])


def test_without_a_sample_ever_only_sessions_go(instance):
    CapacityState.objects.all().delete()
    add_day(instance, "2025-05-31", 100)
    a_session(31)

    assert purge() == PurgeResult(sessions=1)


def test_ended_sessions_older_than_their_retention_go_with_their_records():
    young, old = a_session(29), [a_session(31, end=end) for end in ("finish_session", "cancel_session")]
    StalePeriod.objects.all().delete()

    assert purge().sessions == len(old)
    assert SyncSession.objects.get() == young
    assert SyncInstanceRecord.objects.get().session == young


@pytest.mark.parametrize("status", ["pending", "running"])
def test_open_sessions_stay_however_old(status):
    session = a_session(400, end=None, status=status)

    assert purge().sessions == 0
    assert session.records.count() == 1


def test_sessions_go_in_batches_whole_ones_each(monkeypatch):
    monkeypatch.setattr("sync_sessions.services.PURGE_BATCH", 2)
    for _ in range(5):
        a_session(31)

    with CaptureQueriesContext(connection) as captured:
        assert purge().sessions == 5

    sql = [one["sql"].split(" WHERE")[0] for one in captured if one["sql"].startswith('DELETE FROM "sync_')]
    assert sql == ['DELETE FROM "sync_instance_records"', 'DELETE FROM "sync_sessions"'] * 3
    assert not SyncInstanceRecord.objects.exists()

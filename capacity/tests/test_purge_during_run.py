"""A run that began before a purge must not find its day rows gone."""

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction

from capacity.aggregation.progress import ProgressCallbacks
from capacity.collection.ingest import ingest
from capacity.models import (
    CapacityState,
    DatabaseDayStat,
    DatabaseSizeAggregation,
    DatabaseState,
    InstanceSizeStat,
    InstanceState,
)
from capacity.upkeep.retention import purge
from sync_sessions.models import SyncSession

from .factories import a_sample, make_instance
from .others import start_beside, wait_until_blocked
from .samples import make_fleet, run, the, when_chunk

pytestmark = pytest.mark.django_db(transaction=True)
OLD = the("daily", "2025-03-05")


@pytest.fixture
def old_fleet(settings):
    settings.WHALEFALL_CHUNK_SIZE = 2
    settings.WHALEFALL_DAY_RETENTION_DAYS = 300  # 5 March 2025 is longer ago, whatever the clock of the run says
    CapacityState.objects.create(pk=1, time_zone="Asia/Shanghai")
    return make_fleet(4, "2025-03-05")


def test_a_purge_waits_for_a_run_of_an_old_period(old_fleet, elsewhere):
    told = []
    run(OLD, listeners=when_chunk(2, lambda: told.append(elsewhere(purge))))
    assert told[0].days == 0
    assert told[0].waiting_for == (str(SyncSession.objects.get().session_id),)
    assert set(DatabaseSizeAggregation.objects.values_list("sample_count", flat=True)) == {1}
    assert DatabaseSizeAggregation.objects.count() == 4
    assert (purge().days, purge().waiting_for) == (8, ())


@pytest.mark.postgresql
def test_a_purge_waits_for_an_ingest_that_reads_old_samples(settings):
    settings.WHALEFALL_SAMPLE_RETENTION_DAYS = 1
    instance = make_instance()
    ingest([a_sample(instance, size=100)])
    with transaction.atomic():
        ingest([a_sample(instance, "2025-03-05T11:00:00+08:00", size=300)])
        purged = start_beside(purge)
        wait_until_blocked(purged)
    assert purged.result(timeout=30).samples == 2
    assert DatabaseDayStat.objects.get().sum_size_bytes == 400


@pytest.mark.postgresql
def test_day_rows_of_an_ingest_that_is_under_way_go_with_the_others(settings, time_machine):
    time_machine.move_to("2026-07-05T22:00:00Z", tick=True)  # 5 March 2025 is 487 days ago
    settings.WHALEFALL_SAMPLE_RETENTION_DAYS = settings.WHALEFALL_DAY_RETENTION_DAYS = 400
    instance = make_instance(is_active=False)  # whose marks keep nothing
    ingest([a_sample(instance, size=100)])
    with transaction.atomic():
        ingest([a_sample(instance, size=300, database="stock")])
        purged = start_beside(purge)
        wait_until_blocked(purged)
    assert (purged.result(timeout=30).samples, purged.result().days) == (2, 3)
    for left in (DatabaseDayStat, InstanceSizeStat, DatabaseState, InstanceState):
        assert not left.objects.exists()


@pytest.mark.parametrize("where", ["on_start", "on_complete"])
def test_a_soft_time_limit_ends_the_run_wherever_it_strikes(old_fleet, where):
    limit = SoftTimeLimitExceeded()

    def strike(_instances):
        raise limit

    with pytest.raises(SoftTimeLimitExceeded) as raised:
        run(OLD, listeners=ProgressCallbacks(**{where: strike}))
    assert raised.value is limit
    session = SyncSession.objects.get()
    assert (session.status, set(session.records.values_list("status", flat=True))) == ("failed", {"failed"})
    assert not DatabaseSizeAggregation.objects.exists()


def test_a_soft_time_limit_in_the_roll_up_is_not_one_instances_fault(old_fleet, raising, settings):
    settings.WHALEFALL_PARALLEL_CHUNKS = 1  # another lane may have begun its chunk by then
    parts = raising({old_fleet[1]: SoftTimeLimitExceeded()})
    with pytest.raises(SoftTimeLimitExceeded):
        run(OLD)
    assert parts == [2]
    assert SyncSession.objects.get().status == "failed"

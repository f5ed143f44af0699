"""A run that began before a purge must not find its samples gone."""

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from capacity.aggregation.progress import ProgressCallbacks
from capacity.models import CapacityState, DatabaseSizeAggregation
from capacity.upkeep.retention import purge
from sync_sessions.models import SyncSession

from .samples import make_fleet, run, the, when_chunk

pytestmark = pytest.mark.django_db(transaction=True)
OLD = the("daily", "2025-03-05")


@pytest.fixture
def old_fleet(settings):
    settings.WHALEFALL_CHUNK_SIZE = 2
    CapacityState.objects.create(pk=1, time_zone="Asia/Shanghai")
    return make_fleet(4, "2025-03-05")


def test_a_purge_waits_for_a_run_of_an_old_period(old_fleet, elsewhere):
    told = []
    run(OLD, listeners=when_chunk(2, lambda: told.append(elsewhere(purge))))
    assert told[0].samples == 0
    assert told[0].waiting_for == (str(SyncSession.objects.get().session_id),)
    assert set(DatabaseSizeAggregation.objects.values_list("sample_count", flat=True)) == {1}
    assert DatabaseSizeAggregation.objects.count() == 4
    assert (purge().samples, purge().waiting_for) == (4, ())


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


def test_a_soft_time_limit_in_the_roll_up_is_not_one_instances_fault(old_fleet, raising):
    parts = raising({old_fleet[1]: SoftTimeLimitExceeded()})
    with pytest.raises(SoftTimeLimitExceeded):
        run(OLD)
    assert parts == [2]
    assert SyncSession.objects.get().status == "failed"

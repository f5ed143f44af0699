"""What breaks while a run is under way, and what its log says then."""

from contextlib import ExitStack
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, OperationalError, connection
from structlog.testing import capture_logs

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.aggregation.progress import ProgressCallbacks
from capacity.aggregation.runners import DatabaseAggregationRunner
from capacity.aggregation.service import AggregationService
from capacity.models import Instance
from capacity.tests.samples import database_rows, forget, instance_rows, make_fleet, run, the, when_chunk
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db(transaction=True)

DAY = the("daily", "2025-06-30")
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def fleet(settings):
    """Six instances in three chunks, one after the other."""
    settings.WHALEFALL_CHUNK_SIZE = 2
    settings.WHALEFALL_PARALLEL_CHUNKS = 1
    return make_fleet(6, "2025-06-30")


class Dying(AggregationService):
    """Computes everything, and dies before it can say so."""

    def __init__(self, die):
        self.die = die

    def calculate_daily_aggregations(self, **kwargs):
        super().calculate_daily_aggregations(**kwargs)
        self.die()


def records():
    return list(SyncInstanceRecord.objects.order_by("id").values_list("status", "error_code"))


def with_rows():
    ids = [row["instance_id"] for row in database_rows()]
    assert ids == [row["instance_id"] for row in instance_rows()]
    return ids


def raise_(error):
    raise error


def kill_connection():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("broken for all"), "unexpected_error"),
        (IntegrityError("broken for all"), "integrity_error"),
        (OperationalError("broken for all"), "database_error"),
    ],
)
def test_what_ends_the_whole_run_is_on_the_session_and_goes_on(fleet, raising, error, code):
    raising(dict.fromkeys(fleet[2:4], error))

    with pytest.raises(type(error)) as raised:
        run(DAY)

    session = SyncSession.objects.get()
    assert raised.value is error
    assert raised.value.sync_session_id == session.session_id
    assert (session.status, session.error_code) == ("failed", code)
    assert session.error_message == f"{type(error).__name__}: broken for all"
    assert (session.successful_instances, session.failed_instances) == (2, 4)
    assert session.completed_at is not None
    assert records() == [("completed", "")] * 2 + [("failed", code)] * 4
    assert with_rows() == [one.pk for one in fleet[:2]]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(1)])
def test_a_stop_in_the_middle_of_a_chunk_fails_what_is_unfinished_and_goes_on(fleet, raising, stop):
    raising({fleet[3]: stop})

    with pytest.raises(type(stop)) as raised:
        run(DAY)

    assert raised.value is stop
    assert SyncSession.objects.get().status == "failed"
    assert [status for status, _code in records()] == ["completed"] * 2 + ["failed"] * 4
    assert with_rows() == [one.pk for one in fleet[:2]]


def test_when_the_end_cannot_be_written_the_first_error_is_the_one_raised(fleet, read_only):
    error = RuntimeError("first")

    with ExitStack() as stack, capture_logs() as logs, pytest.raises(RuntimeError) as raised:
        run(DAY, service=Dying(lambda: (stack.enter_context(read_only()), raise_(error))))

    assert raised.value is error
    [line] = [line for line in logs if line["event"] == "session.end_not_written"]
    assert line["original"] == "RuntimeError: first"
    assert SyncSession.objects.get().status == "running"  # for the reaper, once the lease is over


@pytest.mark.postgresql
def test_the_end_is_written_on_a_new_connection_when_the_old_one_was_lost(fleet, sleeps):
    with pytest.raises(OperationalError, match="terminat"):
        run(DAY, service=Dying(kill_connection))

    session = SyncSession.objects.get()
    assert (session.status, session.error_code) == ("failed", "database_error")
    assert (len(with_rows()), [status for status, _code in records()]) == (6, ["completed"] * 6)


@pytest.mark.postgresql
@pytest.mark.parametrize("moment", ["before", "in"])
def test_a_chunk_that_lost_its_connection_is_done_again(fleet, sleeps, monkeypatch, moment):
    real, deaths = DatabaseAggregationRunner.run, [kill_connection]

    def run_and_lose_it(self, period, ids):
        written = real(self, period, ids)
        if fleet[2].pk in ids and deaths:
            deaths.pop()()
        return written

    if moment == "in":
        monkeypatch.setattr(DatabaseAggregationRunner, "run", run_and_lose_it)

    result = run(DAY, listeners=when_chunk(2, kill_connection) if moment == "before" else None)

    assert (result.session.status, result.session.successful_instances, len(sleeps)) == ("completed", 6, 1)
    assert with_rows() == [one.pk for one in fleet]


def test_an_instance_deactivated_during_the_run_is_finished_like_the_others(fleet):
    def deactivate():
        Instance.objects.filter(pk=fleet[5].pk).update(is_active=False)

    assert run(DAY, listeners=when_chunk(2, deactivate)).session.status == "completed"
    assert records() == [("completed", "")] * 6


def test_an_instance_deleted_during_the_run_leaves_its_record_and_hurts_nobody(fleet, elsewhere):
    def delete():
        forget(fleet[5])
        Instance.objects.get(pk=fleet[5].pk).delete()

    result = run(DAY, listeners=when_chunk(2, lambda: elsewhere(delete)))

    assert (result.session.status, result.session.skipped_instances) == ("completed", 1)
    assert records() == [("completed", "")] * 5 + [("skipped", "no_samples")]
    orphan = SyncInstanceRecord.objects.get(instance=None)
    assert orphan.instance_name == "fleet-005"


@pytest.mark.parametrize(
    ("callback", "kept", "code"),
    [("on_start", [0, 1, 4, 5], "result_missing"), ("on_complete", [0, 1, 4, 5], "unexpected_error")],
)
def test_a_listener_that_raises_costs_only_its_chunk(fleet, callback, kept, code):
    def deaf(instances):
        if fleet[2].name in [getattr(one, "name", None) or one.instance_name for one in instances]:
            raise RuntimeError("deaf")

    result = run(DAY, listeners=ProgressCallbacks(**{callback: deaf}))

    assert (result.session.status, result.summary.status) == ("failed", "failed")
    assert records() == [("completed", "")] * 2 + [("failed", code)] * 2 + [("completed", "")] * 2
    assert with_rows() == [fleet[number].pk for number in kept]


def test_a_listener_that_raises_in_on_error_costs_nobody_his_rows(fleet, raising):
    raising({fleet[2]: RuntimeError("odd")})

    result = run(DAY, listeners=ProgressCallbacks(on_error=lambda results: raise_(ValueError("deaf"))))

    assert (result.session.successful_instances, result.session.failed_instances) == (5, 1)
    assert [status for status, _code in records()] == ["completed"] * 2 + ["failed"] + ["completed"] * 3
    assert with_rows() == [one.pk for one in fleet if one != fleet[2]]


@pytest.mark.parametrize("later", ["2025-07-01T00:00:01+08:00", "2031-01-01T00:00:00Z", "2020-01-01T00:00:00Z"])
def test_a_run_over_midnight_or_a_jump_of_the_clock_stays_with_its_day(fleet, elsewhere, time_machine, later):
    time_machine.move_to(datetime(2025, 6, 30, 23, 59, 59, tzinfo=SHANGHAI), tick=False)
    reaped = []

    class Slow(AggregationService):
        def calculate_daily_aggregations(self, *, callbacks, **kwargs):
            def jump():
                time_machine.move_to(datetime.fromisoformat(later), tick=False)
                reaped.extend(elsewhere(sync_session_service.fail_stale_sessions))

            return super().calculate_daily_aggregations(callbacks=callbacks.then(when_chunk(2, jump)), **kwargs)

    result = CurrentAggregationService(Slow()).aggregate_current(CurrentAggregationRequest())

    assert (result["period_start"], result["period_end"]) == ("2025-06-30", "2025-06-30")
    assert {row["period_start"] for row in database_rows()} == {DAY.start}
    assert (result["status"], result["processed_instances"], reaped) == ("completed", 6, [])

"""What holds for a run whatever it does: one look at the fleet, the switch, one end."""

import json
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from capacity.aggregation.current import CurrentAggregationRequest, CurrentAggregationService
from capacity.aggregation.service import AggregationService
from capacity.aggregation.task_runner import AggregationTaskRunner
from capacity.errors import AggregationDisabled
from capacity.inventory.selection import Selection, UnknownInstance, refs
from capacity.runs.kinds import COLLECTION
from capacity.runs.life import run_ended
from capacity.runs.spec import RunSpec
from capacity.runs.start import start
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, database_rows, make_fleet, run, the
from sync_sessions.models import SyncInstanceRecord, SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

DAY = the("daily", "2025-06-30")


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning of 30 June in Shanghai


@pytest.fixture
def ended():
    """The sessions whose end was told, as they were then: (id, status)."""
    told = []

    def hear(session, **kwargs):
        told.append((session.pk, session.status))

    run_ended.connect(hear)
    yield told
    run_ended.disconnect(hear)


@contextmanager
def after_the_first_look_at_the_fleet(do):
    """Does something as soon as instances were read for the first time, as another process might."""
    seen, waiting = [], [do]

    def look(execute, sql, params, many, context):
        if seen and waiting:
            waiting.pop()()
        if 'FROM "instances"' in sql:
            seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield


def states():
    return list(SyncInstanceRecord.objects.order_by("instance_name").values_list("instance_name", "status"))


def test_an_instance_that_comes_while_a_run_starts_is_left_to_the_next_one():
    add_both(make_instance("early"), "2025-06-30", 5)

    with after_the_first_look_at_the_fleet(lambda: make_instance("late")):
        outcome = run(DAY)

    assert states() == [("early", "completed")]
    assert (outcome.status, outcome.session.status) == ("completed", "completed")


@pytest.fixture
def _forgetful(monkeypatch):
    """A roll-up that tells nobody of its instances, as after one was deleted in the middle."""

    def forget(self, period, **kwargs):
        return self.build_period_summary(period, [])

    monkeypatch.setattr(AggregationService, "calculate_daily_aggregations", forget)


def test_a_record_without_a_result_fails_the_command(_forgetful):
    make_fleet(2, "2025-06-30")
    out = StringIO()

    with pytest.raises(CommandError, match=r"1 of 1 runs did not complete\."):
        call_command("aggregate", "--period", "daily", "--json", stdout=out)

    [entry] = json.loads(out.getvalue())["runs"]
    assert (entry["status"], entry["failed_instances"], entry["session"]["status"]) == ("failed", 2, "failed")
    assert entry["errors"] == ["2 instances ended without a result."]


def test_a_record_without_a_result_fails_the_job(_forgetful):
    make_fleet(1, "2025-06-30")

    result = AggregationTaskRunner(AggregationService()).run_period("daily", DAY)

    assert (result["status"], SyncSession.objects.get().status) == ("failed", "failed")


def test_a_queued_run_that_is_begun_after_aggregation_was_switched_off_is_skipped(settings, queued, ended):
    make_fleet(2, "2025-06-30")
    session = start(CurrentAggregationRequest().spec(), queue=True).session
    settings.WHALEFALL_AGGREGATION_ENABLED = False

    result = CurrentAggregationService().run_queued(str(session.session_id))

    assert result["status"] == "skipped"
    assert "WHALEFALL_AGGREGATION_ENABLED" in result["message"]
    session.refresh_from_db()
    assert (session.status, session.skipped_instances, database_rows()) == ("completed", 2, [])
    assert set(session.records.values_list("status", "error_code")) == {("skipped", "aggregation_disabled")}
    assert ended == [(session.pk, "completed")]


@pytest.mark.parametrize("queue", [False, True])
def test_switched_off_no_run_is_begun_by_whatever_door(settings, queued, queue):
    make_fleet(1, "2025-06-30")
    settings.WHALEFALL_AGGREGATION_ENABLED = False

    with pytest.raises(AggregationDisabled):
        start(RunSpec.of_period(DAY, "all"), queue=queue)

    assert (SyncSession.objects.count(), queued) == (0, [])


def test_switched_off_servers_are_collected_from_all_the_same(settings, queued):
    settings.WHALEFALL_AGGREGATION_ENABLED = False

    assert start(RunSpec(COLLECTION), queue=True).session.lock_key == "capacity:collection"


@pytest.mark.parametrize(
    ("chosen", "sync_type", "key", "selected"),
    [
        (None, "manual_task", "aggregation:daily", None),
        (1, "manual_single", "aggregation:daily:{pk}", 1),
        (2, "manual_batch", "aggregation:daily", 2),
    ],
)
def test_one_selection_is_one_kind_of_run_through_every_door(queued, chosen, sync_type, key, selected):
    fleet = make_fleet(3, "2025-06-30")
    some = fleet if chosen is None else fleet[:chosen]
    names = Selection.named([one.name for one in some] if chosen else None)
    picked = None if chosen is None else some
    for spec in (
        RunSpec.of_period(DAY, "all", names),
        RunSpec.of_period(DAY, "all", Selection.of(picked)),
        CurrentAggregationRequest(instances=picked).spec(),
    ):
        session = start(spec, queue=True).session
        assert (session.sync_type, session.lock_key) == (sync_type, key.format(pk=fleet[0].pk))
        assert (session.selected, session.total_instances) == (selected, len(some))
        sync_session_service.cancel_session(session)


def test_the_same_selection_of_a_collection_is_named_alike(queued):
    fleet = make_fleet(2, "2025-06-30")
    session = start(RunSpec(COLLECTION, Selection.of(fleet)), queue=True).session

    assert (session.sync_type, session.lock_key, session.selected) == ("manual_batch", "capacity:collection", 2)


def test_an_unknown_name_is_told_and_nothing_is_written():
    with pytest.raises(UnknownInstance, match=r"There is no instance named nope\."):
        start(RunSpec.of_period(DAY, "all", Selection.named(["nope"])), queue=False)

    assert not SyncSession.objects.exists()


def test_more_instances_than_a_statement_has_parameters_can_be_selected():
    fleet = make_fleet(2, "2025-06-30")
    others = range(fleet[1].pk + 1, 40_000)

    selection = Selection(ids=(*others, fleet[1].pk, fleet[0].pk))
    assert selection.instances() == fleet
    assert selection.refs() == refs(fleet)


def test_the_end_of_a_run_is_told_once_with_its_status(ended, poison):
    fleet = make_fleet(2, "2025-06-30")
    good = run(DAY).session
    poison(fleet[0])
    bad = run(DAY).session

    assert ended == [(good.pk, "completed"), (bad.pk, "failed")]


def test_the_end_of_a_run_that_raised_is_told_too(ended, raising):
    fleet = make_fleet(2, "2025-06-30")
    raising(dict.fromkeys(fleet, RuntimeError("broken for all")))

    with pytest.raises(RuntimeError):
        run(DAY)

    assert ended == [(SyncSession.objects.get().pk, "failed")]


def test_who_hears_of_an_end_cannot_change_it(ended):
    def stumble(**kwargs):
        raise RuntimeError("a mail server is down")

    run_ended.connect(stumble)
    try:
        outcome = run(DAY)
    finally:
        run_ended.disconnect(stumble)

    assert (outcome.session.status, ended) == ("completed", [(outcome.session.pk, "completed")])

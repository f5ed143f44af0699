"""ProgressCallbacks: who is told what, when, and what happens if the listener itself fails."""

import pytest
from django.db import OperationalError, connection
from structlog.testing import capture_logs

from capacity.aggregation.progress import ProgressCallbacks
from capacity.models import StalePeriod
from capacity.tests.factories import make_instance
from capacity.tests.samples import aggregate, database_rows, instance_rows, make_fleet, mark, the
from sync_sessions.errors import SessionLost

pytestmark = pytest.mark.django_db

DAY = the("daily", "2025-06-30")
NAMES = ("on_start", "on_complete", "on_error")


class Listener:
    """Writes down every call as (name, [instance id ...]), and raises when told to."""

    def __init__(self, fails_in="", error=None, on_instance=None):
        self.calls, self.fails_in, self.error = [], fails_in, error
        self.on_instance = on_instance

    def callbacks(self):
        return ProgressCallbacks(**{name: self.hear(name) for name in NAMES})

    def hear(self, name):
        def call(instances):
            ids = [getattr(one, "id", None) or one.instance_id for one in instances]
            self.calls.append((name, ids))
            if name == self.fails_in and (self.on_instance is None or self.on_instance.pk in ids):
                raise self.error

        return call


@pytest.fixture
def fleet(settings):
    """Four instances in two chunks, one after the other."""
    settings.WHALEFALL_CHUNK_SIZE = 2
    settings.WHALEFALL_PARALLEL_CHUNKS = 1
    return make_fleet(4, "2025-06-30")


def ids(*instances):
    return [one.pk for one in instances]


def with_rows():
    assert [row["instance_id"] for row in database_rows()] == [row["instance_id"] for row in instance_rows()]
    return [row["instance_id"] for row in database_rows()]


def outcomes(summary):
    return [(result.status, result.error_code) for result in summary.results]


def test_each_chunk_is_told_of_when_it_begins_and_when_it_ends(fleet):
    listener = Listener()

    aggregate(DAY, callbacks=listener.callbacks())

    a, b, c, d = ids(*fleet)
    assert listener.calls == [
        ("on_start", [a, b]),
        ("on_complete", [a, b]),
        ("on_start", [c, d]),
        ("on_complete", [c, d]),
    ]


def test_skipped_instances_are_told_of_as_done_and_failed_ones_as_failed(fleet, raising):
    idle = make_instance("without samples")
    raising({fleet[3]: RuntimeError("odd")})
    listener = Listener()

    aggregate(DAY, instances=[fleet[2], fleet[3], idle], callbacks=listener.callbacks())

    assert listener.calls == [
        ("on_start", ids(fleet[2], fleet[3])),
        ("on_complete", ids(fleet[2])),
        ("on_error", ids(fleet[3])),
        ("on_start", ids(idle)),
        ("on_complete", ids(idle)),
    ]


def test_two_listeners_hear_in_turn():
    heard = []
    callbacks = ProgressCallbacks(on_start=lambda refs: heard.append("log")).then(
        ProgressCallbacks(on_start=lambda refs: heard.append("bar"))
    )

    callbacks.on_start([])
    callbacks.on_complete([])

    assert heard == ["log", "bar"]


@pytest.mark.django_db(transaction=True)
def test_the_rows_are_seen_by_others_only_after_on_complete(fleet, elsewhere):
    seen = []

    def look(results):
        seen.append((connection.in_atomic_block, elsewhere(with_rows)))

    aggregate(DAY, callbacks=ProgressCallbacks(on_complete=look))

    assert seen == [(True, []), (True, ids(*fleet[:2]))]
    assert elsewhere(with_rows) == ids(*fleet)


def test_a_chunk_whose_on_start_raises_is_not_computed(fleet):
    listener = Listener("on_start", RuntimeError("deaf"), on_instance=fleet[0])

    with capture_logs() as logs:
        summary = aggregate(DAY, callbacks=listener.callbacks())

    assert outcomes(summary) == [("failed", "result_missing")] * 2 + [("completed", "")] * 2
    assert with_rows() == ids(*fleet[2:])
    assert [(line["event"], line["callback"]) for line in logs] == [("aggregation.callback_failed", "on_start")]
    assert [name for name, _ids in listener.calls] == ["on_start", "on_start", "on_complete"]


def test_a_chunk_whose_on_complete_raises_keeps_no_rows_and_no_deleted_mark(fleet):
    for one in fleet:
        mark(one, DAY)
    listener = Listener("on_complete", RuntimeError("deaf"), on_instance=fleet[0])

    with capture_logs() as logs:
        summary = aggregate(DAY, callbacks=listener.callbacks())

    assert outcomes(summary) == [("failed", "unexpected_error")] * 2 + [("completed", "")] * 2
    assert summary.errors == ("fleet-000: RuntimeError: deaf", "fleet-001: RuntimeError: deaf")
    assert with_rows() == ids(*fleet[2:])
    assert list(StalePeriod.objects.values_list("instance_id", flat=True)) == ids(*fleet[:2])
    assert [(line["event"], line["callback"]) for line in logs] == [("aggregation.callback_failed", "on_complete")]


def test_after_on_complete_raised_its_instances_are_told_of_as_failed(fleet):
    listener = Listener("on_complete", RuntimeError("deaf"), on_instance=fleet[0])

    aggregate(DAY, instances=fleet[:2], callbacks=listener.callbacks())

    assert listener.calls == [(name, ids(*fleet[:2])) for name in NAMES]


def test_an_instance_that_failed_by_itself_keeps_its_reason_when_on_complete_raises(fleet, raising):
    raising({fleet[1]: RuntimeError("odd")})
    listener = Listener("on_complete", ValueError("deaf"))

    summary = aggregate(DAY, instances=fleet[:2], callbacks=listener.callbacks())

    assert summary.errors == ("fleet-000: ValueError: deaf", "fleet-001: RuntimeError: odd")
    assert with_rows() == []


def test_when_on_error_raises_the_others_keep_their_rows(fleet, raising):
    raising({fleet[1]: RuntimeError("odd")})
    listener = Listener("on_error", ValueError("deaf"))

    with capture_logs() as logs:
        summary = aggregate(DAY, callbacks=listener.callbacks())

    assert [result.status for result in summary.results] == ["completed", "failed", "completed", "completed"]
    assert with_rows() == ids(fleet[0], *fleet[2:])
    assert "aggregation.callback_failed" in [line["event"] for line in logs]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [OperationalError("the log is broken"), SessionLost("taken over")])
def test_a_database_error_or_a_lost_session_in_a_callback_ends_the_run(fleet, raising, name, error):
    if name == "on_error":
        raising({fleet[3]: RuntimeError("odd")})
    listener = Listener(name, error, on_instance=fleet[3])

    with pytest.raises(type(error)) as raised:
        aggregate(DAY, callbacks=listener.callbacks())

    assert raised.value is error
    assert with_rows() == ids(*fleet[:2])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("name", ["on_start", "on_complete"])
def test_a_stop_in_a_callback_ends_the_run_with_whole_chunks_only(fleet, name, error):
    listener = Listener(name, error, on_instance=fleet[3])

    with pytest.raises(type(error)) as raised:
        aggregate(DAY, callbacks=listener.callbacks())

    assert raised.value is error
    assert with_rows() == ids(*fleet[:2])

"""Instances that go while a run is under way, and what a failing part may cost in time."""

from itertools import chain, repeat
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import translation

from capacity.aggregation import chunks
from capacity.aggregation.due import stale_periods
from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.aggregation.runners import InstanceAggregationRunner
from capacity.models import CapacityState, Instance
from capacity.periods import PERIOD_CONFIG
from sync_sessions.services import SyncSessionService

from .samples import add_sample, aggregate, database_rows, forget, make_fleet, mark, run, the

DAY = the("daily", "2025-03-05")


def delete(instance):
    forget(instance)
    Instance.objects.get(pk=instance.pk).delete()


def ends(session):
    return list(session.records.order_by("instance_name").values_list("status", "error_code"))


@pytest.fixture
def fleet():
    return make_fleet(4, "2025-03-05")


@pytest.mark.django_db(transaction=True)
def test_an_instance_deleted_before_its_record_is_known_costs_itself_alone(fleet):
    class Sessions(SyncSessionService):
        def record_ids(self, session):
            delete(fleet[1])
            return super().record_ids(session)

    result = AggregationOrchestrator(sessions=Sessions()).run(DAY, "all", sync_type="manual_task")
    done, missing = ("completed", ""), ("failed", "result_missing")
    assert ends(result.session) == [done, missing, done, done]
    assert len(database_rows()) == 3


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_foreign_key_is_checked_by_the_statement_and_fails_its_instance_alone(fleet, monkeypatch):
    def gone(self, period, instance_ids):
        # As if the instance had gone between the reading and the writing of its rows.
        if fleet[1].pk in instance_ids:
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO stale_periods (period_type, period_start, instance_id) VALUES ('daily', now(), -1)"
                )
        return real(self, period, instance_ids)

    real = InstanceAggregationRunner.run
    monkeypatch.setattr(InstanceAggregationRunner, "run", gone)
    result = run(DAY)
    done = ("completed", "")
    assert ends(result.session) == [done, ("failed", "integrity_error"), done, done]


@pytest.mark.django_db(transaction=True)
def test_after_two_thirds_of_the_lease_nothing_more_is_split(fleet, raising, monkeypatch, settings):
    settings.WHALEFALL_SESSION_LEASE = 90
    clock = chain([0.0], repeat(61.0))
    monkeypatch.setattr(chunks, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    parts = raising({fleet[1]: ValueError("odd")})
    result = run(DAY)
    assert parts == [4]
    assert {status for status, _code in ends(result.session)} == {"failed"}
    assert database_rows() == []


@pytest.mark.postgresql
@pytest.mark.django_db
def test_a_caller_keeps_its_settings(fleet):
    def shown():
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout'), current_setting('jit')")
            return cursor.fetchone()

    before = shown()
    aggregate(DAY)
    assert shown() == before


@pytest.mark.django_db(transaction=True)
def test_reasons_are_stored_in_english_and_told_in_the_language_of_the_reader(fleet):
    for database in ("b", "c"):
        for _twice in range(2):
            add_sample(fleet[0], database, "2025-03-05", 2**62)
    with translation.override("zh-hans"):
        result = run(DAY)
        [told] = result.summary.errors
    record = result.session.records.get(error_code="sum_overflow")
    assert record.error_message.isascii()
    assert record.sync_details["aggregation_result"]["error"].isascii()
    assert not told.isascii()


@pytest.mark.django_db(transaction=True)
def test_what_a_run_tells_has_no_password_and_a_bounded_length(fleet, raising):
    raising({fleet[0]: RuntimeError("postgres://u:s3cret@h/d " + "x" * 10**6)})
    [told] = run(DAY).summary.errors
    assert "s3cret" not in told
    assert len(told) < 4100


@pytest.mark.django_db
def test_periods_whose_day_rows_are_purged_are_not_due(fleet):
    for day in ("2025-03-05", "2025-03-06"):
        mark(fleet[0], the("daily", day))
    CapacityState.objects.create(pk=1, time_zone="Asia/Shanghai", days_purged_before="2025-03-05")
    assert stale_periods(PERIOD_CONFIG, the("daily", "2025-03-10").start) == [the("daily", "2025-03-06")]

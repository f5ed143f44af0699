import json
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from capacity.aggregation.service import AggregationService
from capacity.collection.ingest import Sample, ingest
from capacity.models import InstanceSizeAggregation, StalePeriod
from capacity.tests.factories import make_instance
from sync_sessions.choices import SyncCategory, SyncType
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 7, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def half_a_year():
    """A sample a day of one database, from 2025-01-01 to 2025-07-02: day n of the year has n * 1000 bytes."""
    instance = make_instance("pg-1")
    first = datetime(2025, 1, 1, 3, 0, tzinfo=UTC)
    ingest([Sample(instance.pk, "sales", first + timedelta(days=n), (n + 1) * 1000) for n in range(183)])
    return instance


def aggregate(*options):
    out, err = StringIO(), StringIO()
    call_command("aggregate", *options, stdout=out, stderr=err)
    return out.getvalue()


def runs():
    keys = ("details__period_type", "details__period_start")
    return list(SyncSession.objects.order_by("id").values_list(*keys))


def test_without_options_the_current_day_and_the_last_complete_longer_periods(half_a_year):
    lines = aggregate().splitlines()
    assert [line.split(" (")[0] for line in lines] == [
        "daily 2025-07-02 completed: 1 of 1 instance aggregated, 0 skipped, 0 failed.",
        "weekly 2025-06-23 – 2025-06-29 completed: 1 of 1 instance aggregated, 0 skipped, 0 failed.",
        "monthly 2025-06-01 – 2025-06-30 completed: 1 of 1 instance aggregated, 0 skipped, 0 failed.",
        "quarterly 2025-04-01 – 2025-06-30 completed: 1 of 1 instance aggregated, 0 skipped, 0 failed.",
    ]


def test_last_takes_yesterday(half_a_year):
    aggregate("--period", "daily", "--last")
    assert runs() == [("daily", "2025-07-01")]


def test_current_takes_the_quarter_that_has_begun(half_a_year):
    aggregate("--period", "quarterly", "--current")
    assert runs() == [("quarterly", "2025-07-01")]


def test_a_range_back_fills_and_a_quarter_is_compared_with_the_whole_one_before(half_a_year):
    aggregate("--from", "2025-01-01", "--to", "2025-06-30", "--period", "quarterly")
    first, second = InstanceSizeAggregation.objects.order_by("period_start")
    assert (first.period_start, first.period_end) == (date(2025, 1, 1), date(2025, 3, 31))
    assert (first.covered_days, first.avg_total_size_bytes, first.total_size_change_bytes) == (90, 45_500, None)
    assert (second.period_start, second.period_end) == (date(2025, 4, 1), date(2025, 6, 30))
    assert (second.covered_days, second.avg_total_size_bytes) == (91, 136_000)
    assert (second.total_size_change_bytes, str(second.total_size_change_percent)) == (90_500, "198.90")


def test_a_range_of_no_type_takes_every_type_wholly_inside(half_a_year):
    aggregate("--from", "2025-06-30", "--to", "2025-07-01")
    assert runs() == [("daily", "2025-06-30"), ("daily", "2025-07-01")]


def test_stale_takes_each_complete_marked_period_once_and_then_nothing(half_a_year):
    ended = StalePeriod.objects.filter(period_start__lt="2025-07-01").count()
    assert ended == 181 + 27 + 6 + 2
    aggregate("--stale", "--period", "quarterly", "--period", "monthly")
    assert runs() == [
        ("monthly", "2025-01-01"),
        ("monthly", "2025-02-01"),
        ("monthly", "2025-03-01"),
        ("quarterly", "2025-01-01"),
        ("monthly", "2025-04-01"),
        ("monthly", "2025-05-01"),
        ("monthly", "2025-06-01"),
        ("quarterly", "2025-04-01"),
    ]
    again = aggregate("--stale", "--period", "quarterly", "--period", "monthly")
    assert again.strip() == "No complete period is stale: nothing to do."
    assert len(runs()) == 8


def test_stale_leaves_out_instances_without_a_mark(half_a_year):
    make_instance("pg-2")
    aggregate("--stale", "--period", "quarterly")
    assert set(SyncSession.objects.values_list("total_instances", flat=True)) == {1}


def test_named_instances_alone(half_a_year):
    make_instance("pg-2")
    aggregate("--period", "daily", "--instance", "pg-2")
    session = SyncSession.objects.get()
    assert (session.sync_type, list(session.records.values_list("instance_name", "status"))) == (
        "manual_single",
        [("pg-2", "skipped")],
    )


def test_an_option_takes_several_values_at_once(half_a_year):
    make_instance("pg-2")
    make_instance("pg-3")
    aggregate("--period", "daily", "weekly", "--instance", "pg-1", "pg-3")
    sessions = SyncSession.objects.order_by("id")
    assert [one.details["period_type"] for one in sessions] == ["daily", "weekly"]
    for one in sessions:
        names = list(one.records.order_by("instance_name").values_list("instance_name", flat=True))
        assert (one.sync_type, names) == ("manual_batch", ["pg-1", "pg-3"])


def test_json_has_every_run(half_a_year):
    told = json.loads(aggregate("--json", "--period", "daily", "--period", "weekly"))
    assert [(run["period_type"], run["status"], run["processed_records"]) for run in told["runs"]] == [
        ("daily", "completed", 2),
        ("weekly", "completed", 2),
    ]
    assert told["runs"][0]["session"]["status"] == "completed"


def test_rows_shows_the_largest_instances(half_a_year):
    shown = aggregate("--period", "weekly", "--rows", "3").splitlines()[1:]
    assert shown == [
        "Largest instances, weekly 2025-06-23:",
        "Instance  Engine  Size  Change  Percent  Trend  Databases  Days",
        "pg-1  PostgreSQL  172.9 KiB  +6.8 KiB  +4.12 %  Stable  1  7 of 7",
    ]


def test_rows_are_those_of_the_instances_that_the_run_was_about(half_a_year):
    other = make_instance("tiny")
    ingest([Sample(other.pk, "sales", datetime(2025, 6, 23 + n, 3, tzinfo=UTC), n + 1) for n in range(7)])
    empty = make_instance("empty")
    aggregate("--period", "weekly")
    shown = aggregate("--period", "weekly", "--rows", "3", "--instance", "tiny", empty.name).splitlines()[3:]
    assert [line.split()[0] for line in shown] == ["tiny"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--period", "yearly"], "'yearly' is not a period type: it must be one of daily, weekly, monthly, quarterly"),
        (["--scope", "databases"], "scope must be one of instance, database, all"),
        (["--instance", "nope"], "There is no instance named nope."),
        (["--from", "2025-01-01"], "Give both ends of the range: --from DAY --to DAY."),
        (["--from", "2025-02-01", "--to", "2025-01-01"], "the range is empty: 2025-02-01 is after 2025-01-01"),
        (
            ["--from", "2025-01-02", "--to", "2025-01-30", "--period", "monthly"],
            "No period of these types lies wholly inside the range.",
        ),
    ],
)
def test_what_makes_no_run_is_a_sentence_and_no_session(half_a_year, options, sentence):
    with pytest.raises(CommandError) as refused:
        aggregate(*options)
    assert str(refused.value) == sentence
    assert not SyncSession.objects.exists()


def test_a_failed_instance_makes_the_command_fail_after_all_runs(half_a_year):
    ingest([Sample(half_a_year.pk, "big", NOW, 2**62), Sample(half_a_year.pk, "big", NOW - timedelta(hours=1), 2**62)])
    with pytest.raises(CommandError, match=r"1 of 2 runs did not complete\."):
        aggregate("--period", "daily", "--period", "weekly")
    assert [status for (status,) in SyncSession.objects.order_by("id").values_list("status")] == [
        "failed",
        "completed",
    ]


def test_a_run_that_fails_as_a_whole_is_the_last(half_a_year, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("disk full")

    monkeypatch.setattr(AggregationService, "calculate_daily_aggregations", fail)
    with pytest.raises(CommandError, match=r"1 of 1 runs did not complete\."):
        aggregate("--period", "daily", "--period", "weekly")


def test_a_period_under_way_is_busy(half_a_year):
    sync_session_service.create_session(
        sync_type=SyncType.MANUAL_TASK, sync_category=SyncCategory.AGGREGATION, lock_key="aggregation:daily"
    )
    with pytest.raises(CommandError, match=r"1 of 2 runs did not complete\."):
        aggregate("--period", "daily", "--period", "weekly")


def test_switched_off_it_runs_nothing(half_a_year, settings):
    settings.WHALEFALL_AGGREGATION_ENABLED = False
    with pytest.raises(CommandError, match="WHALEFALL_AGGREGATION_ENABLED=true"):
        aggregate()
    assert not SyncSession.objects.exists()


def test_a_back_fill_of_many_periods_tells_of_each_type_once(half_a_year):
    lines = aggregate("--from", "2025-01-01", "--to", "2025-01-31", "--period", "daily").splitlines()
    assert lines == ["daily: 31 runs from 2025-01-01 to 2025-01-31, 31 without a fault, 62 rows."]


def test_a_back_fill_waits_for_a_run_of_somebody_else(half_a_year, monkeypatch):
    other = sync_session_service.create_session(
        sync_type=SyncType.MANUAL_TASK, sync_category=SyncCategory.AGGREGATION, lock_key="aggregation:daily"
    )
    monkeypatch.setattr("time.sleep", lambda _seconds: sync_session_service.finish_session(other))
    lines = aggregate("--from", "2025-01-01", "--to", "2025-01-31", "--period", "daily").splitlines()
    assert lines == ["daily: 31 runs from 2025-01-01 to 2025-01-31, 31 without a fault, 62 rows."]


@pytest.mark.parametrize("rows", ["-1", "x"])
def test_rows_is_a_number(rows):
    with pytest.raises(CommandError, match="argument --rows"):
        aggregate("--rows", rows)

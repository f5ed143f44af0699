"""The fleet in a few numbers."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from capacity.insight import gauges
from capacity.runs import kinds
from capacity.tests.factories import make_instance
from capacity.tests.samples import LARGEST, add_day, make_fleet, mark, moment, run, the
from sync_sessions.services import sync_session_service

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to("2025-06-29T22:00:00Z", tick=False)  # six in the morning of Monday 30 June in Shanghai


def open_session(key="other", **options):
    return sync_session_service.create_session(sync_type="manual_task", sync_category="other", lock_key=key, **options)


def test_the_last_runs_are_the_newest_ended_ones_over_the_fleet():
    fleet = make_fleet(2, "2025-06-29")
    run(the("daily", "2025-06-28"))
    newest = run(the("daily", "2025-06-29")).session
    run(the("weekly", "2025-06-29"), instances=fleet[:1])  # of one instance
    run(the("daily", "2025-06-29"), instances=fleet)  # of two that were selected, under the fleet's key
    open_session("aggregation:monthly")  # still running
    collection = open_session("capacity:collection")
    sync_session_service.cancel_session(collection)

    assert kinds.last_runs() == {"daily": newest, "collection": collection}


def test_a_run_that_goes_on_leaves_the_last_ended_one_in_place():
    ended = open_session("aggregation:daily")
    sync_session_service.finish_session(ended)
    open_session("aggregation:daily")

    assert kinds.last_runs() == {"daily": ended}


def test_the_newest_sample_is_that_of_an_active_instance():
    add_day(make_instance(), "2025-06-27", 1)
    newest = make_instance()
    add_day(newest, "2025-06-28", 1)
    add_day(newest, "2025-06-20", 1)
    add_day(make_instance(is_active=False), "2025-06-29", 1)
    make_instance()

    assert gauges.last_sample_at() == moment("2025-06-28") == datetime(2025, 6, 27, 19, tzinfo=UTC)


def test_the_fleets_size_is_the_sum_of_the_latest_day_of_each_active_instance():
    first, second = make_instance(), make_instance()
    add_day(first, "2025-06-29", 10)
    add_day(first, "2025-06-28", 1000)
    add_day(second, "2025-01-01", 7)  # silent since
    add_day(make_instance(is_active=False), "2025-06-29", 100_000)
    make_instance()

    assert gauges.fleet_bytes() == 17


def test_the_fleets_size_may_be_more_than_a_column_holds():
    for _ in range(3):
        add_day(make_instance(), "2025-06-29", LARGEST)

    assert gauges.fleet_bytes() == 3 * LARGEST


def test_open_sessions_are_counted_by_status_with_zeros():
    assert gauges.open_sessions() == {"pending": 0, "running": 0}

    open_session("a", status="pending")
    open_session("b")
    open_session("c")
    sync_session_service.cancel_session(open_session("d"))

    assert gauges.open_sessions() == {"pending": 1, "running": 2}


def test_stale_periods_are_the_complete_ones_counted_once_for_all_instances():
    first, second = make_instance(), make_instance()
    for instance in (first, second):
        mark(instance, the("daily", "2025-06-29"))
    mark(first, the("weekly", "2025-06-29"))
    mark(first, the("daily", "2025-06-30"))  # today
    mark(make_instance(is_active=False), the("daily", "2025-06-01"))

    assert gauges.stale_period_counts() == (2, 0)


def test_stale_periods_that_the_schedule_leaves_alone_are_counted_apart(settings):
    settings.WHALEFALL_CATCH_UP_DAYS = 10
    instance = make_instance()
    for day in ("2025-06-19", "2025-06-20"):
        mark(instance, the("daily", day))

    assert gauges.stale_period_counts() == (1, 1)


def test_runs_by_hand_do_not_stand_for_the_scheduled_ones(settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    make_fleet(1, "2025-06-29")
    nightly = run(the("daily", "2025-06-28"), sync_type="scheduled_task").session
    by_hand = run(the("daily", "2025-06-29"), sync_type="manual_task").session

    assert kinds.last_runs() == {"daily": nightly}
    assert kinds.last_runs_and_later() == ({"daily": nightly}, {"daily": by_hand})


def test_active_instances_are_counted():
    for active in (True, True, False):
        make_instance(is_active=active)

    assert gauges.active_instances() == 2


def test_an_empty_database_has_figures_too():
    assert kinds.last_runs() == {}
    assert gauges.last_sample_at() is None
    assert (gauges.fleet_bytes(), gauges.stale_period_counts(), gauges.active_instances()) == (0, (0, 0), 0)


@pytest.mark.parametrize(
    ("figure", "queries"),
    [
        (kinds.last_runs, 1),
        (gauges.last_sample_at, 1),
        (gauges.fleet_bytes, 1),
        (gauges.open_sessions, 1),
        (gauges.stale_period_counts, 1),
        (gauges.active_instances, 1),
    ],
)
def test_a_figure_costs_the_same_queries_whatever_the_fleet(figure, queries):
    costs = []
    for day in ("2025-06-27", "2025-06-28"):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            figure()
        costs.append(len(captured))
        for one in make_fleet(30, day) if day == "2025-06-27" else ():
            mark(one, the("daily", day))
            mark(one, the("weekly", day))
        run(the("daily", day))

    assert costs == [queries, queries]

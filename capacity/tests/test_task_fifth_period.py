"""A fifth kind of period, on schedule: an entry in the table is all that it takes."""

import pytest

from capacity.aggregation.service import AggregationService
from capacity.aggregation.task_runner import AggregationTaskRunner
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, database_rows, mark, the
from capacity.tests.test_fifth_period import _five, without_the_check_of_period_types  # noqa: F401
from sync_sessions.models import SyncSession


@pytest.mark.django_db
def test_it_is_made_up_for_like_the_others(time_machine):
    time_machine.move_to("2025-01-01T04:00:00+08:00", tick=False)
    instance, period = make_instance(), the("half_yearly", "2024-07-01")
    add_both(instance, "2024-08-01", 100)

    with without_the_check_of_period_types():
        mark(instance, period)

        result = AggregationTaskRunner(AggregationService()).run_periods()

        assert [(one["period_type"], one["period_start"], one["status"]) for one in result["periods"]] == [
            ("half_yearly", "2024-07-01", "completed")
        ]
        assert SyncSession.objects.get().lock_key == "aggregation:half_yearly"
        assert [row["period_type"] for row in database_rows()] == ["half_yearly"]

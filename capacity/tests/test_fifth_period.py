"""Half a year as a fifth kind of period: an entry in the table is all that it takes."""

import sys
from contextlib import contextmanager
from datetime import date
from functools import partialmethod

import pytest
from django.db import connection

from capacity.aggregation.arguments import Which, plan_periods
from capacity.aggregation.due import stale_periods
from capacity.aggregation.service import AggregationService
from capacity.errors import PeriodError
from capacity.models import DatabaseSizeAggregation, InstanceSizeAggregation, StalePeriod
from capacity.periods import PERIOD_CONFIG, Crontab, Period, PeriodConfig, parse_periods
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, database_row, database_rows, instance_rows, mark, run, sizes, the

HALF_YEARLY = PeriodConfig(
    "half_yearly",
    "Half-yearly",
    "calculate_half_yearly_aggregations",
    current_by_default=False,
    crontab=Crontab("20", "5", day_of_month="1", month_of_year="1,7"),
    months=6,
)


@pytest.fixture(autouse=True)
def _five(monkeypatch):
    """Appends the entry wherever the table was imported, and adds the service's method."""
    five = (*PERIOD_CONFIG, HALF_YEARLY)
    for module in list(sys.modules.values()):
        for name, value in [("PERIOD_CONFIG", five), ("PERIODS", tuple(config.key for config in five))]:
            if module.__name__.startswith("capacity") and hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    method = partialmethod(AggregationService.calculate_period_aggregations, HALF_YEARLY.key)
    monkeypatch.setattr(AggregationService, HALF_YEARLY.service_method, method, raising=False)


@contextmanager
def without_the_check_of_period_types():
    """PostgreSQL: dropped in the test's transaction, which is rolled back. SQLite: ignored for a while."""
    if connection.vendor == "postgresql":
        with connection.schema_editor() as editor:
            for model in (DatabaseSizeAggregation, InstanceSizeAggregation, StalePeriod):
                [check] = [one for one in model._meta.constraints if one.name.endswith("period_type_known")]
                editor.remove_constraint(model, check)
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = on")
        yield
        cursor.execute("PRAGMA ignore_check_constraints = off")


@pytest.mark.unit
def test_it_is_parsed_and_planned_like_the_others():
    [config] = parse_periods(["Half_Yearly"])
    first, second = the("half_yearly", "2025-06-30"), the("half_yearly", "2025-07-01")

    assert config is HALF_YEARLY
    assert (first.start, first.end, first.following()) == (date(2025, 1, 1), date(2025, 6, 30), second)
    assert plan_periods(parse_periods(None), Which.DEFAULT, date(2025, 7, 1))[4] == first
    with pytest.raises(PeriodError, match="daily, weekly, monthly, quarterly, half_yearly"):
        parse_periods(["yearly"])


@pytest.mark.django_db
def test_it_runs_from_its_mark_to_its_session_its_record_and_its_rows():
    instance, period = make_instance(), the("half_yearly", "2024-07-01")
    add_both(instance, "2024-06-30", 100)  # the half before
    day = period.start.toordinal()
    for size, ordinal in enumerate(range(day, day + period.days), start=1):
        add_both(instance, date.fromordinal(ordinal), size)

    with without_the_check_of_period_types():
        mark(instance, period)
        assert stale_periods([HALF_YEARLY], date(2025, 1, 1)) == [period]

        result = run(period, sync_type="scheduled_task")

        assert (result.session.status, result.session.lock_key) == ("completed", "aggregation:half_yearly")
        assert result.session.details["period_type"] == "half_yearly"
        record = result.session.records.get()
        assert (record.status, record.items_created) == ("completed", 2)
        assert record.sync_details["period_end"] == "2024-12-31T00:00:00+08:00"
        assert database_rows() == [
            database_row(
                instance,
                "app",
                Period("half_yearly", date(2024, 7, 1), date(2024, 12, 31)),
                sample_count=184,
                covered_days=184,
                **sizes(93, 1, 184),  # 92.5
                size_change_bytes=-7,
                size_change_percent=-7,
            )
        ]
        [row] = instance_rows()
        assert (row["covered_days"], row["trend_direction"]) == (184, "shrinking")
        assert not StalePeriod.objects.exists()

"""Any sequence of batches against a plain-Python oracle of samples, day rows, states and marks."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capacity.collection import staging
from capacity.collection.ingest import IngestResult, Sample, ingest
from capacity.models import (
    DatabaseDayStat,
    DatabaseSizeStat,
    DatabaseState,
    InstanceSizeStat,
    InstanceState,
    StalePeriod,
)
from capacity.periods import PERIODS, Period
from capacity.tests.factories import make_instance

pytestmark = pytest.mark.django_db

# Around a new year and 7 and 30 days later, a month of 28 days and both changes of New York's clock; to the half
# hour, so that the midnights of all zones are met often.
STARTS = [
    datetime(2024, 12, 30),
    datetime(2025, 1, 6),
    datetime(2025, 1, 29),
    datetime(2025, 2, 27),
    datetime(2025, 3, 8),
    datetime(2025, 11, 1),
]
moments = st.builds(
    lambda start, steps, jitter: start.replace(tzinfo=UTC) + timedelta(minutes=30 * steps, microseconds=jitter),
    st.sampled_from(STARTS),
    st.integers(0, 4 * 48),
    st.sampled_from([0, 1, -1]),
)
size = st.one_of(st.integers(0, 1000), st.integers(0, 2**55))
sizes = st.tuples(size, st.none() | size, st.none() | size)
batches = st.lists(
    st.dictionaries(st.tuples(st.integers(0, 1), st.sampled_from("abc"), moments), sizes, min_size=1, max_size=12),
    max_size=4,
)


def database_days(stored, zone):
    """{(instance, database, day): the columns of its row}, of the samples in the order of time."""
    found = {}
    for (instance, database, at), figures in sorted(stored.items(), key=lambda item: item[0]):
        found.setdefault((instance, database, at.astimezone(zone).date()), []).append((at, *figures))
    return {key: database_day(samples) for key, samples in found.items()}


def database_day(samples):
    columns = {"sample_count": len(samples), "last_collected_at": samples[-1][0]}
    for position, column in enumerate(["size_bytes", "data_size_bytes", "log_size_bytes"], 1):
        values = [one[position] for one in samples if one[position] is not None]
        columns |= {
            f"sum_{column}": sum(values) if values else None,
            f"min_{column}": min(values, default=None),
            f"max_{column}": max(values, default=None),
            f"last_{column}": samples[-1][position],
        }
        if position > 1:
            columns[f"{column.split('_')[0]}_count"] = len(values)
    return columns


def instance_days(days):
    """{(instance, day): (sum of the last sample of each database, databases, latest moment)}"""
    found = {}
    for (instance, _database, day), row in days.items():
        found.setdefault((instance, day), []).append(row)
    return {
        key: (sum(row["last_size_bytes"] for row in rows), len(rows), max(row["last_collected_at"] for row in rows))
        for key, rows in found.items()
    }


def states(sizes):
    """{key: (first and last day, last size, changes in a week and a month)} of {(*key, day): size}."""
    series = {}
    for (*key, day), size in sorted(sizes.items()):
        series.setdefault(tuple(key), {})[day] = size

    def change(of_days, last, span):
        around = [last - timedelta(days=span + slack) for slack in range(4)]
        before = next((of_days[day] for day in around if day in of_days), None)
        return None if before is None else of_days[last] - before

    return {
        key: (min(found), max(found), found[max(found)], change(found, max(found), 7), change(found, max(found), 30))
        for key, found in series.items()
    }


STATE = ("first_day", "last_day", "last_size_bytes", "week_change_bytes", "month_change_bytes")


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Kolkata", "America/New_York"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(batches=batches, held=st.sampled_from([2, staging.BATCH]))
def test_samples_day_rows_and_marks_are_those_of_the_oracle(settings, zone, batches, held):
    settings.TIME_ZONE = zone
    # Of more than `held` samples the rest goes through temporary tables.
    with patch.object(staging, "BATCH", held), transaction.atomic():
        pks = [make_instance().pk, make_instance().pk]
        stored = {}
        for batch in batches:
            known = stored.keys() & {(pks[n], name, at) for n, name, at in batch}
            keyed = {(pks[n], name, at): figures for (n, name, at), figures in batch.items()}
            stored |= keyed

            result = ingest(Sample(*key, *figures) for key, figures in keyed.items())

            touched = {(pk, at.astimezone(ZoneInfo(zone)).date()) for pk, _name, at in keyed}
            assert result == IngestResult(len(keyed), len(keyed) - len(known), len(known), len(touched))

        figures = ("size_bytes", "data_size_bytes", "log_size_bytes")
        found = DatabaseSizeStat.objects.values_list("instance_id", "database_name", "collected_at", *figures)
        assert {row[:3]: row[3:] for row in found} == stored
        expected = database_days(stored, ZoneInfo(zone))
        keys = ("instance_id", "database_name", "collected_on")
        rows = [{name: row[name] for name in row if name != "id"} for row in DatabaseDayStat.objects.values()]
        assert {tuple(row.pop(key) for key in keys): row for row in rows} == expected
        totals = instance_days(expected)
        rows = InstanceSizeStat.objects.values_list(
            "instance_id", "collected_on", "total_size_bytes", "database_count", "collected_at"
        )
        assert {row[:2]: row[2:] for row in rows} == totals
        found = DatabaseState.objects.values_list("instance_id", "database_name", *STATE)
        assert {row[:2]: row[2:] for row in found} == states(
            {key: row["last_size_bytes"] for key, row in expected.items()}
        )
        found = InstanceState.objects.values_list("instance_id", *STATE)
        assert {row[:1]: row[1:] for row in found} == states({key: total for key, (total, *_rest) in totals.items()})
        containing = [(pk, Period.containing(type, day)) for pk, day in totals for type in PERIODS]
        stale = {(pk, one.type, one.start) for pk, period in containing for one in (period, period.following())}
        marks = list(StalePeriod.objects.values_list("instance_id", "period_type", "period_start"))
        assert (set(marks), len(marks)) == (stale, len(stale))
        transaction.set_rollback(True)

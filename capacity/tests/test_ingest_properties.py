"""Any sequence of batches against a plain-Python oracle of samples, day rows and marks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capacity.collection.ingest import IngestResult, Sample, ingest
from capacity.models import DatabaseSizeStat, InstanceSizeStat, StalePeriod
from capacity.periods import PERIODS, Period
from capacity.tests.factories import make_instance

pytestmark = pytest.mark.django_db

# Around a new year, a month of 28 days and both changes of New York's clock; to the half hour, so that the
# midnights of all zones are met often.
STARTS = [datetime(2024, 12, 30), datetime(2025, 2, 27), datetime(2025, 3, 8), datetime(2025, 11, 1)]
moments = st.builds(
    lambda start, steps, jitter: start.replace(tzinfo=UTC) + timedelta(minutes=30 * steps, microseconds=jitter),
    st.sampled_from(STARTS),
    st.integers(0, 4 * 48),
    st.sampled_from([0, 1, -1]),
)
sizes = st.one_of(st.integers(0, 1000), st.integers(0, 2**60))
batches = st.lists(
    st.dictionaries(st.tuples(st.integers(0, 1), st.sampled_from("abc"), moments), sizes, min_size=1, max_size=12),
    max_size=4,
)


def day_rows(stored, zone):
    """{(instance, day): (sum of the last sample of each database, databases, latest moment)}"""
    last = {}
    for (instance, database, at), size in sorted(stored.items()):
        last.setdefault((instance, at.astimezone(zone).date()), {})[database] = (at, size)
    return {
        day: (sum(size for _at, size in found.values()), len(found), max(at for at, _size in found.values()))
        for day, found in last.items()
    }


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Kolkata", "America/New_York"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(batches=batches)
def test_samples_day_rows_and_marks_are_those_of_the_oracle(settings, zone, batches):
    settings.TIME_ZONE = zone
    with transaction.atomic():
        pks = [make_instance().pk, make_instance().pk]
        stored = {}
        for batch in batches:
            known = stored.keys() & {(pks[n], name, at) for n, name, at in batch}
            keyed = {(pks[n], name, at): size for (n, name, at), size in batch.items()}
            stored |= keyed

            result = ingest(Sample(*key, size) for key, size in keyed.items())

            touched = {(pk, at.astimezone(ZoneInfo(zone)).date()) for pk, _name, at in keyed}
            assert result == IngestResult(len(keyed), len(keyed) - len(known), len(known), len(touched))

        found = DatabaseSizeStat.objects.values_list("instance_id", "database_name", "collected_at", "size_bytes")
        assert {row[:3]: row[3] for row in found} == stored
        expected = day_rows(stored, ZoneInfo(zone))
        rows = InstanceSizeStat.objects.values_list(
            "instance_id", "collected_on", "total_size_bytes", "database_count", "collected_at"
        )
        assert {row[:2]: row[2:] for row in rows} == expected
        containing = [(pk, Period.containing(type, day)) for pk, day in expected for type in PERIODS]
        stale = {(pk, one.type, one.start) for pk, period in containing for one in (period, period.following())}
        marks = list(StalePeriod.objects.values_list("instance_id", "period_type", "period_start"))
        assert (set(marks), len(marks)) == (stale, len(stale))
        transaction.set_rollback(True)

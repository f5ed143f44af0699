"""Samples go early and nothing is lost: period rows are made from day rows."""

from datetime import timedelta

import pytest
from django.utils import timezone

from capacity.collection.ingest import ingest
from capacity.models import DatabaseSizeStat
from capacity.periods import PERIODS
from capacity.tests.factories import a_sample, make_instance, utc
from capacity.tests.samples import aggregate, database_rows, instance_rows, the
from capacity.upkeep.retention import purge

pytestmark = pytest.mark.django_db

FIRST, DAYS, KEPT = utc(2025, 1, 1), 100, 40


def hourly(instance):
    """24 samples a day of two databases, sizes that no two hours share, data and log now and then."""
    for hour in range(24 * DAYS):
        for name in ("app", "stock")[: 1 + hour % 2]:
            optional = {"data_size_bytes": hour * 7} if hour % 5 else {}
            yield a_sample(instance, FIRST + timedelta(hours=hour), 10**9 + hour**2 % 1009, name, **optional)


def test_rows_of_purged_samples_are_those_of_a_twin_that_was_not_purged(time_machine, settings):
    time_machine.move_to(FIRST + timedelta(days=DAYS), tick=False)
    settings.WHALEFALL_SAMPLE_RETENTION_DAYS = KEPT
    periods = [the(type, day) for type in PERIODS for day in ("2025-01-20", "2025-02-20", "2025-03-31")]
    instance = make_instance()
    ingest(hourly(instance))
    for period in periods:
        aggregate(period)
    before = database_rows(), instance_rows()

    purged = purge()
    for period in periods:
        aggregate(period)

    assert purged.samples > 24 * (DAYS - KEPT - 1)
    oldest = DatabaseSizeStat.objects.earliest("collected_on").collected_on
    assert oldest == timezone.localdate() - timedelta(days=KEPT)
    assert (database_rows(), instance_rows()) == before
    assert len(before[0]) > len(periods)

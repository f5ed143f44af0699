"""States are those of the day rows that are left when the others have been purged."""

from datetime import UTC, date, datetime, timedelta

import pytest

from capacity.collection import states
from capacity.collection.ingest import Sample, ingest
from capacity.models import DatabaseState, InstanceState, StalePeriod
from capacity.tests.factories import make_instance
from capacity.upkeep.retention import purge

pytestmark = pytest.mark.django_db

LIMIT = date(2025, 6, 1)  # the first day that is kept


@pytest.fixture(autouse=True)
def _settings(time_machine, settings):
    time_machine.move_to("2026-07-05T22:00:00Z", tick=False)  # six in the morning of 6 July in Shanghai
    settings.WHALEFALL_SAMPLE_RETENTION_DAYS = settings.WHALEFALL_DAY_RETENTION_DAYS = (date(2026, 7, 6) - LIMIT).days


def stored():
    """What both tables of states have, without their keys."""
    return [
        [
            {name: value for name, value in row.items() if name != "id"}
            for row in model.objects.order_by("instance", *more).values()
        ]
        for model, more in ((DatabaseState, ["database_name"]), (InstanceState, []))
    ]


def daily(instance, database, first, count):
    begins = datetime.fromisoformat(first).replace(hour=3, tzinfo=UTC)
    return [Sample(instance.pk, database, begins + timedelta(days=n), 1000 + n * n) for n in range(count)]


def test_they_are_as_if_they_had_been_derived_from_the_rows_that_are_left(monkeypatch):
    monkeypatch.setattr(states, "CHUNK", 2)
    fleet = [make_instance() for _ in range(4)]
    ingest(
        [
            *daily(fleet[0], "gone", "2025-05-01", 20),  # all of it is purged
            *daily(fleet[0], "stays", "2025-05-01", 420),
            *daily(fleet[1], "short", "2025-05-20", 20),  # its changes are against days that are purged
            *daily(fleet[2], "gone", "2024-01-01", 3),  # with its instance
            *daily(fleet[3], "new", "2026-06-01", 5),
        ]
    )
    StalePeriod.objects.all().delete()
    before = stored()

    purge(dry_run=True)
    assert stored() == before
    purge()

    after = stored()
    assert {(row["instance_id"], row["database_name"], str(row["first_day"])) for row in after[0]} == {
        (fleet[0].pk, "stays", "2025-06-01"),
        (fleet[1].pk, "short", "2025-06-01"),
        (fleet[3].pk, "new", "2026-06-01"),
    }
    assert [row["instance_id"] for row in after[1]] == [fleet[0].pk, fleet[1].pk, fleet[3].pk]
    states.rebuild_all()
    assert stored() == after


def test_while_a_stale_period_keeps_the_day_rows_the_states_stay(settings):
    instance = make_instance()
    ingest(daily(instance, "sales", "2025-05-01", 420))
    before = stored()
    purge()
    assert stored() == before

"""States are those of the day rows that there are: after late samples, and when others have been purged."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from capacity.collection import staging, states
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


LAST = date(2026, 7, 4)


@pytest.mark.parametrize(
    "ages",
    # Days before the last one: those that a change is measured from, and what is on either side of them; the future.
    [[n] for n in (-40, -33, -10, -7, -1, 0, 1, 6, 7, 8, 10, 11, 29, 30, 31, 33, 34, 60)]
    + [[0, 6], [0, 7], [0, 10], [0, 11], [0, 30], [0, 34], [-1, 6], [-1, 7], [-7, 0], [6, 7], [0, 60]],
)
@pytest.mark.parametrize("every", [1, 5])
@pytest.mark.parametrize("staged", [False, True])
def test_after_late_samples_they_are_as_if_they_had_been_derived_anew(monkeypatch, time_machine, ages, every, staged):
    time_machine.move_to(f"{LAST + timedelta(days=60)}T12:00:00Z", tick=False)
    monkeypatch.setattr(staging, "BATCH", 1 if staged else staging.BATCH)
    one, other = make_instance(), make_instance()
    begins = str(LAST - timedelta(days=50))
    for name in ("sales", "stock"):
        ingest(daily(one, name, begins, 51)[::-every])
    ingest(daily(other, "sales", begins, 51))

    at = [datetime.combine(LAST - timedelta(days=age), time(5), UTC) for age in ages]
    ingest(Sample(one.pk, "sales", moment, 7_000_000 * 2**age) for age, moment in enumerate(at, 1))

    found = stored()
    states.rebuild_all()
    assert stored() == found

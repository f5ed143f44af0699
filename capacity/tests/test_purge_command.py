import json
from datetime import date
from io import StringIO

import pytest
from django.core.management import call_command

from capacity.models import CapacityState, DatabaseSizeStat
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, mark, the

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def instance(time_machine, settings):
    """With a day that has to go and one that stays."""
    time_machine.move_to("2026-07-05T22:00:00Z", tick=False)  # six in the morning of 6 July in Shanghai
    settings.WHALEFALL_SAMPLE_RETENTION_DAYS = settings.WHALEFALL_DAY_RETENTION_DAYS = 400  # since 1 June 2025
    CapacityState.objects.create(pk=1, time_zone="Asia/Shanghai")
    instance = make_instance()
    for day in ("2025-05-31", "2025-06-01"):
        add_both(instance, day, 100)
    return instance


def lines(*options):
    out = StringIO()
    call_command("purge_samples", *options, stdout=out)
    return out.getvalue().splitlines()


def test_it_deletes_and_says_how_much():
    assert lines() == ["Deleted: 1 samples, 2 day rows, 0 daily period rows, 0 sessions."]
    assert DatabaseSizeStat.objects.count() == 1


def test_a_dry_run_only_counts():
    assert lines("--dry-run") == ["To be deleted: 1 samples, 2 day rows, 0 daily period rows, 0 sessions."]
    assert DatabaseSizeStat.objects.count() == 2


def test_it_says_what_day_rows_are_kept_for_and_what_to_do(instance):
    for day in range(1, 13):
        mark(instance, the("daily", f"2025-05-{day:02}"))

    first, kept, do = lines()

    assert first == "Deleted: 1 samples, 0 day rows, 0 daily period rows, 0 sessions."
    names = ", ".join(f"daily 2025-05-{day:02}" for day in range(1, 11))
    assert kept.startswith(f"Day rows from {date(2025, 4, 30)} on are kept, as these periods must be computed")
    assert f"{names}" in kept
    assert "2025-05-12" not in kept
    assert do == "Run `manage.py aggregate --stale`, then purge again."


def test_what_it_tells_to_do_helps(instance):
    mark(instance, the("daily", "2025-05-31"))
    assert len(lines()) == 3

    call_command("aggregate", "--stale", stdout=StringIO())

    assert lines() == ["Deleted: 0 samples, 2 day rows, 0 daily period rows, 0 sessions."]


def test_machines_get_json(instance):
    mark(instance, the("daily", "2025-05-31"))

    [line] = lines("--json", "--dry-run")

    assert json.loads(line) == {
        "purged_before": "2025-06-01",
        "samples": 1,
        "days_purged_before": "2025-05-30",
        "days": 0,
        "daily_rows": 0,
        "sessions": 0,
        "kept_for": ["daily 2025-05-31"],
        "waiting_for": [],
    }

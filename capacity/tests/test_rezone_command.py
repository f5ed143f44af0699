"""manage.py rezone as a DBA meets it: what it says, asks and refuses."""

import json
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django_celery_beat.models import CrontabSchedule

from capacity.collection.ingest import ingest
from capacity.models import CapacityState, StalePeriod
from capacity.tests.factories import a_sample, make_instance
from capacity.tests.others import Terminal
from capacity.tests.samples import aggregate, run, the
from sync_sessions.models import SyncSession

from .rezoning import days_of_samples, refused, rezone

pytestmark = pytest.mark.django_db

OLD = "Asia/Shanghai"


@pytest.fixture
def zone(settings):
    """Sets the time zone of the settings."""

    def choose(name):
        settings.TIME_ZONE = settings.CELERY_TIMEZONE = name

    choose(OLD)
    return choose


@pytest.fixture
def typed(monkeypatch):
    return lambda text: monkeypatch.setattr("sys.stdin", Terminal(text))


def test_it_tells_what_it_did_and_what_is_next(zone):
    one = make_instance()
    ingest([a_sample(one, "2025-03-05T03:00:00+08:00"), a_sample(one, "2025-03-05T12:00:00+08:00")])
    aggregate(the("daily", "2025-03-05"))
    zone("UTC")
    assert rezone() == [
        "Time zone changed from Asia/Shanghai to UTC. Samples with another day: 1. Day totals derived: 2. Period rows "
        "deleted, as their period has no sample left: 0. Stale periods: 9.",
        f"Crontabs moved to UTC: {CrontabSchedule.objects.count()}.",
        "Next, run `manage.py aggregate --stale`: until then period rows are the old ones.",
    ]


def test_it_tells_it_as_json(zone):
    ingest([a_sample(make_instance(), "2025-03-05T03:00:00+08:00")])
    zone("UTC")
    [line] = rezone("--json")
    numbers = {
        "samples": 1,
        "days": 1,
        "deleted_rows": 0,
        "stale_periods": 9,
        "crontabs": CrontabSchedule.objects.count(),
    }
    assert json.loads(line) == {"old": OLD, "new": "UTC", **numbers}


def test_a_second_time_there_is_nothing_to_do(zone):
    ingest([a_sample(make_instance(), "2025-03-05T03:00:00+08:00")])
    zone("UTC")
    rezone()
    StalePeriod.objects.all().delete()
    assert rezone() == ["The days of the samples are those of UTC already."]
    assert not StalePeriod.objects.exists()


def test_without_samples_it_moves_the_schedules(zone):
    zone("UTC")
    assert rezone() == [
        "There are no samples yet: their days will be those of UTC.",
        f"Crontabs moved to UTC: {CrontabSchedule.objects.count()}.",
    ]
    assert not CapacityState.objects.exists()


def test_an_open_session_is_a_reason_to_wait(zone):
    one = make_instance()
    ingest([a_sample(one, "2025-03-05T03:00:00+08:00")])
    session = SyncSession.objects.create(sync_type="manual_task", sync_category="aggregation", lock_key="x")
    zone("UTC")
    assert refused() == (
        f"Nothing is changed: session {session.session_id} is Pending. Wait for its end or cancel it, then run this "
        "again."
    )
    assert days_of_samples() == [date(2025, 3, 5)]
    assert CapacityState.objects.get().time_zone == OLD
    assert CrontabSchedule.objects.filter(timezone="UTC").count() == 0


def test_a_dead_session_is_failed_and_no_reason_to_wait(zone):
    one = make_instance()
    ingest([a_sample(one, "2025-03-05T03:00:00+08:00")])
    dead = run(the("daily", "2025-03-05")).session
    long_ago = datetime(2025, 1, 1, tzinfo=UTC)
    SyncSession.objects.filter(pk=dead.pk).update(status="running", heartbeat_at=long_ago)
    zone("UTC")
    rezone()
    dead.refresh_from_db()
    assert (dead.status, dead.error_code) == ("failed", "abandoned")
    assert CapacityState.objects.get().time_zone == "UTC"


@pytest.mark.parametrize("answer", ["no\n", "y\n", ""])
def test_any_answer_but_yes_changes_nothing(zone, typed, answer):
    ingest([a_sample(make_instance(), "2025-03-05T03:00:00+08:00")])
    zone("UTC")
    typed(answer)
    assert refused() == "Nothing is changed."
    assert days_of_samples() == [date(2025, 3, 5)]


def test_the_question_names_both_zones_and_stands_beside_the_json(zone, typed):
    ingest([a_sample(make_instance(), "2025-03-05T03:00:00+08:00")])
    zone("UTC")
    typed("yes\n")
    out, err = StringIO(), StringIO()
    call_command("rezone", "--json", stdout=out, stderr=err)
    assert err.getvalue() == "Move all samples from the days of Asia/Shanghai to those of UTC? Type yes: "
    assert json.loads(out.getvalue())["samples"] == 1


def test_nobody_is_asked_with_yes(zone, typed):
    ingest([a_sample(make_instance(), "2025-03-05T03:00:00+08:00")])
    zone("UTC")
    typed("no\n")
    rezone("--yes")
    assert days_of_samples() == [date(2025, 3, 4)]

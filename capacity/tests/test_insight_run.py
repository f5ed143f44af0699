import json
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import DataError, OperationalError

from capacity.insight import refresh as refreshing
from capacity.insight import service
from capacity.models import CapacityLimit, Forecast
from capacity.runs.kinds import INSIGHT
from capacity.runs.spec import RunSpec
from capacity.runs.start import start
from capacity.tasks import refresh_insight
from capacity.tests.factories import make_instance
from capacity.tests.test_refresh import GIB, NOW, add_days, ago, growing
from sync_sessions.models import SyncInstanceRecord, SyncSession

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOW, tick=False):
        yield


def insight(*arguments):
    """What the command printed, and its error if it ended with one."""
    out, error = StringIO(), None
    try:
        call_command("insight", *arguments, stdout=out)
    except CommandError as raised:
        error = str(raised)
    return out.getvalue(), error


def records():
    columns = ("instance_name", "status", "items_synced", "items_created", "error_code")
    return list(SyncInstanceRecord.objects.order_by("instance_name").values_list(*columns))


@pytest.fixture
def failing(monkeypatch):
    """Makes the refresh of these instances raise, alone and with others."""

    def arrange(error, *names):
        def refresh(ids, now):
            done = refreshing.refresh(ids, now)
            if {one.pk for one in names} & set(ids):
                raise error
            return done

        monkeypatch.setattr(service, "refresh", refresh)

    return arrange


def test_a_run_has_a_session_with_a_record_per_instance():
    for name in ("a", "b"):
        add_days(make_instance(name), app=[*growing(60, by=0), 1600])
    printed, error = insight()
    assert (printed, error) == ("2 of 2 instances looked at: 4 forecasts, 4 new events.\n", None)
    session = SyncSession.objects.get()
    assert (session.sync_category, session.sync_type, session.status) == ("insight", "manual_task", "completed")
    assert session.lock_key == "insight:insight"
    assert records() == [("a", "completed", 2, 2, ""), ("b", "completed", 2, 2, "")]


def test_a_second_run_finds_nothing_to_do():
    add_days(make_instance(), app=growing(60))
    insight()
    assert insight() == ("No day row changed since the last forecasts.\n", None)
    assert SyncSession.objects.count() == 1


def test_named_instances_are_looked_at_anyway_one_without_samples_is_skipped():
    add_days(make_instance("a"), app=growing(60))
    make_instance("empty")
    insight()
    out, error = insight("--instance", "a", "empty", "--json")
    result = json.loads(out)
    assert (result["status"], result["forecasts"], error) == ("completed", 2, None)
    assert records()[1:] == [("a", "completed", 2, 0, ""), ("empty", "skipped", 0, 0, "no_day_rows")]


def test_an_unknown_name_is_refused():
    assert insight("--instance", "nobody") == ("", "There is no instance named nobody.")


def test_an_instance_that_fails_keeps_its_record_and_the_others_their_forecasts(failing):
    a, b = make_instance("a"), make_instance("b")
    for one in (a, b):
        add_days(one, app=growing(60))
    failing(DataError("out of range"), b)
    printed, error = insight()
    assert (printed, error) == (
        "",
        "1 of 2 instances looked at: 2 forecasts, 0 new events.\nb: DataError: out of range",
    )
    assert records() == [("a", "completed", 2, 0, ""), ("b", "failed", 0, 0, "data_error")]
    assert set(Forecast.objects.filter(level="database").values_list("instance__name", flat=True)) == {"a"}


def test_what_ends_the_whole_run_is_on_its_session(failing):
    a = make_instance("a")
    add_days(a, app=growing(60))
    failing(OperationalError("disk full"), a)
    with pytest.raises(OperationalError):
        insight()
    assert SyncSession.objects.get().status == "failed"
    assert not Forecast.objects.exists()


def test_who_shares_a_volume_is_looked_at_with_it():
    a, b = make_instance("a"), make_instance("b")
    for one in (a, b):
        add_days(one, app=growing(60))
        CapacityLimit.objects.create(instance=one, limit_bytes=9000 * GIB, source="volume", shared_key="san")
    insight()
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        add_days(a, ago(-1), app=[1061])
        add_days(b, ago(-1), app=[1061])
        assert list(service.volume_mates([a.pk])) == [[a.pk, b.pk]]
        insight("--instance", "a")
    volume = Forecast.objects.newest().get(level="volume")
    assert (volume.made_on, [name for name, *_rest in records()]) == (ago(-1), ["a", "a", "b"])


def test_the_schedule_does_what_is_due_and_says_when_nothing_is():
    add_days(make_instance("a"), app=growing(60))
    assert refresh_insight()["status"] == "completed"
    assert SyncSession.objects.get().sync_type == "scheduled_task"
    assert refresh_insight() == {"status": "skipped", "message": "No day row changed since the last forecasts."}


def test_a_worker_runs_a_queued_session_once(queued):
    add_days(make_instance("a"), app=growing(60))
    session = start(RunSpec(INSIGHT), queue=True).session
    assert queued == [("capacity.refresh_insight", str(session.session_id))]
    assert refresh_insight(str(session.session_id))["status"] == "completed"
    assert refresh_insight(str(session.session_id))["status"] == "skipped"
    assert Forecast.objects.filter(level="fleet").count() == 1


def test_instances_are_done_in_chunks_and_mates_stay_together():
    groups = [[1], list(range(2, 30)), [30], [31]]
    assert list(service._chunks(groups)) == [[[1]], [list(range(2, 30))], [[30], [31]]]


def test_a_forecast_of_today_is_replaced_by_that_of_tomorrow():
    a = make_instance("a")
    add_days(a, app=growing(60))
    insight()
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        add_days(a, ago(-1), app=[1061])
        insight()
    assert Forecast.objects.newest().get(level="database").made_on == ago(-1)


def test_the_command_takes_tags():
    for name, tags in (("a", ["prod"]), ("b", ["prod"]), ("c", ["test"])):
        add_days(make_instance(name, tags=tags), app=growing(60))
    insight()
    SyncSession.objects.all().delete()
    out, error = insight("--tag", "prod")
    assert (error, [one[0] for one in records()]) == (None, ["a", "b"])
    assert "2 of 2 instances looked at" in out
    assert SyncSession.objects.get().details["tags"] == ["prod"]
    assert insight("--tag", "nobody")[1] == "There is no tag named nobody."

""" "Run now" of a schedule: what it starts, where it lands, and who may."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from capacity.aggregation.due import stale_periods
from capacity.aggregation.service import AggregationService
from capacity.aggregation.task_runner import AggregationTaskRunner
from capacity.collection.ingest import Sample, ingest
from capacity.models import CapacityEvent, DatabaseSizeAggregation, InstanceSizeAggregation
from capacity.models.state import caught_up_since
from capacity.periods import PERIOD_CONFIG, Period, parse_periods, today
from capacity.scheduling.words import period_words
from capacity.tests.factories import make_instance
from capacity.tests.schedules import a_session, schedule_url, the
from sync_sessions.choices import Service
from sync_sessions.life import give_sign
from sync_sessions.models import SyncSession

pytestmark = pytest.mark.django_db

CATCH_UP = reverse("admin:capacity_schedule_catch_up")
SESSIONS = reverse("admin:sync_sessions_syncsession_changelist")


def url(schedule):
    return schedule_url(schedule, "run_now")


def texts(answer):
    return [(message.level_tag, str(message)) for message in get_messages(answer.wsgi_request)]


def session_page(session):
    return reverse("admin:sync_sessions_syncsession_change", args=[session.pk])


@pytest.fixture
def fleet():
    """Two instances with a sample in each of the last days."""
    instances = [make_instance() for _number in range(2)]
    for age in range(1, 100, 7):
        at = timezone.now() - timedelta(days=age)
        ingest([Sample(one.pk, "sales", at, 100) for one in instances])
    return instances


@pytest.fixture
def computed(fleet):
    """Nothing waits any more: the last complete period is computed again."""
    AggregationTaskRunner(AggregationService()).run_periods(everything=True)
    SyncSession.objects.all().delete()
    InstanceSizeAggregation.objects.all().delete()
    DatabaseSizeAggregation.objects.all().delete()
    return fleet


@pytest.fixture
def several():
    """The weekly schedule made to aggregate weeks and months, of instances alone."""
    task = PeriodicTask.objects.filter(name="WhaleFall: aggregate weekly")
    task.update(kwargs='{"periods": ["weekly", "monthly"], "scope": "instance"}')
    return the("aggregate weekly")


def last(type):
    return Period.last_complete(type, today())


def test_it_asks_first_and_starts_nothing(admin_client, fleet, several):
    page = admin_client.get(url(several))
    html = page.content.decode()
    assert len(page.context["lines"]) == 2
    assert all(f"{line}" in html for line in page.context["lines"])
    assert "It is done before the next page comes" in html
    assert not SyncSession.objects.exists()


def test_without_a_broker_it_runs_at_once_and_lands_on_the_session(admin_client, admin_user, computed):
    answer = admin_client.post(url(the("aggregate weekly")))
    session = SyncSession.objects.get()
    assert (answer.status_code, answer.url) == (302, session_page(session))
    assert (session.status, session.created_by, session.sync_type, session.scope, session.lock_key) == (
        "completed",
        admin_user,
        "manual_task",
        "all",
        "aggregation:weekly",
    )
    assert session.details["period_start"] == last("weekly").start.isoformat()
    assert set(InstanceSizeAggregation.objects.values_list("period_type", "period_start")) == {
        ("weekly", last("weekly").start)
    }
    [(level, text)] = texts(answer)
    assert (level, "2 of 2 instances aggregated" in text) == ("success", True)


def test_it_computes_what_is_outdated_as_the_schedule_does(admin_client, admin_user, fleet, settings):
    settings.WHALEFALL_CATCH_UP_DAYS = 30
    due = list(stale_periods(parse_periods(["weekly"]), today(), caught_up_since(today())))
    assert len(due) > 3
    asked = admin_client.get(url(the("aggregate weekly"))).context["lines"]
    assert [words in line for words, line in zip(map(period_words, due), asked, strict=True)] == [True] * len(due)

    answer = admin_client.post(url(the("aggregate weekly")))

    assert answer.url == SESSIONS
    assert texts(answer) == [("success", f"{len(due)} periods computed.")]
    sessions = SyncSession.objects.order_by("pk")
    assert [one.details["period_start"] for one in sessions] == [str(one.start) for one in due]
    assert {(one.created_by, one.sync_type, one.selected) for one in sessions} == {(admin_user, "manual_task", None)}
    assert not stale_periods(parse_periods(["weekly"]), today(), caught_up_since(today()))


def test_with_a_broker_one_task_does_several_of_a_type(admin_client, admin_user, fleet, queued):
    answer = admin_client.post(url(the("aggregate daily")))

    assert queued == [("capacity.run_capacity_aggregation", ["daily"], "all", admin_user.pk, False, [])]
    assert (answer.url, SyncSession.objects.exists()) == (SESSIONS, False)


def test_what_is_too_old_for_the_schedule_is_computed_from_the_dashboard(admin_client, fleet, settings):
    settings.WHALEFALL_CATCH_UP_DAYS = 1
    assert CATCH_UP in admin_client.get(reverse("admin:index")).content.decode()
    assert "and " in admin_client.get(CATCH_UP).context["lines"][-1]

    answer = admin_client.post(CATCH_UP)

    assert answer.url == SESSIONS
    assert not stale_periods(PERIOD_CONFIG, today())
    assert texts(admin_client.get(CATCH_UP))[-1] == ("info", "Every complete period is computed already.")


def test_who_may_not_start_runs_does_not_catch_up(client, django_user_model, fleet):
    user = django_user_model.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_periodictask", "view_syncsession"]))
    client.force_login(user)
    assert client.post(CATCH_UP).status_code == 403
    assert not SyncSession.objects.exists()


def test_several_periods_are_several_sessions_and_land_on_their_list(admin_client, fleet, several):
    answer = admin_client.post(url(several))
    assert (answer.status_code, answer.url) == (302, SESSIONS)
    assert list(SyncSession.objects.order_by("pk").values_list("lock_key", "scope", "status")) == [
        ("aggregation:weekly", "instance", "completed"),
        ("aggregation:monthly", "instance", "completed"),
    ]
    assert not DatabaseSizeAggregation.objects.exists()
    messages = texts(answer)
    assert [level for level, _text in messages] == ["success", "success"]
    assert all(session_page(one) in "".join(text for _level, text in messages) for one in SyncSession.objects.all())


def test_with_a_broker_it_queues_and_lands_on_the_pending_session(admin_client, computed, queued):
    weekly = the("aggregate weekly")
    give_sign(Service.WORKER)
    assert "A worker does it" in admin_client.get(url(weekly)).content.decode()
    answer = admin_client.post(url(weekly))
    session = SyncSession.objects.get()
    assert (answer.url, session.status) == (session_page(session), "pending")
    assert texts(answer) == [("info", "The run was queued.")]
    assert queued == [("capacity.aggregate_current", str(session.session_id))]
    assert not InstanceSizeAggregation.objects.exists()


def test_a_collection_is_run_too(admin_client, admin_user, queued):
    instance = make_instance(host="db")
    answer = admin_client.post(url(the("collect")))
    session = SyncSession.objects.get()
    assert (answer.url, session.status, session.lock_key, session.created_by) == (
        session_page(session),
        "pending",
        "capacity:collection",
        admin_user,
    )
    assert queued == [("capacity.collect_capacity_batch", str(session.session_id), [instance.pk])]


def test_the_tables_of_what_changed_are_measured_too(admin_client, admin_user, queued):
    instance = make_instance(host="db", username="u")
    change = {"kind": "jump", "before_bytes": 1, "after_bytes": 9, "usual_bytes": 1}
    CapacityEvent.objects.create(instance=instance, database_name="sales", day=today(), **change)
    answer = admin_client.post(url(the("largest tables")))
    session = SyncSession.objects.get()
    assert (answer.url, session.status, session.lock_key, session.created_by) == (
        session_page(session),
        "pending",
        "tables:tables",
        admin_user,
    )
    assert queued == [("capacity.snapshot_tables", str(session.session_id))]


def test_a_broker_that_does_not_answer_is_a_message_with_the_failed_session(admin_client, computed, broker_down):
    answer = admin_client.post(url(the("aggregate weekly")))
    [(level, text)] = texts(answer)
    assert (level, "check that Redis runs" in text) == ("error", True)
    assert not SyncSession.objects.open().exists()


def test_while_another_run_is_under_way_it_says_so_with_a_link(admin_client, computed, several):
    other = a_session("aggregation:weekly", status="running")
    SyncSession.objects.update(heartbeat_at=timezone.now(), started_at=timezone.now())
    answer = admin_client.post(url(the("aggregate weekly")))
    (level, text), (done, _text) = texts(answer)
    assert (level, session_page(other) in text, done) == ("warning", True, "success")
    assert list(SyncSession.objects.exclude(pk=other.pk).values_list("lock_key", flat=True)) == ["aggregation:monthly"]


def test_when_nothing_could_be_started_it_goes_back_to_the_schedule(admin_client, computed):
    a_session("aggregation:weekly", status="running")
    SyncSession.objects.update(heartbeat_at=timezone.now(), started_at=timezone.now())
    answer = admin_client.post(url(the("aggregate weekly")))
    assert answer.url == schedule_url(the("aggregate weekly"))
    assert [level for level, _text in texts(answer)] == ["warning"]
    assert not LogEntry.objects.exists()


def test_a_run_that_fails_is_a_message_and_no_500(admin_client, computed, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("disk <b>full</b>")

    monkeypatch.setattr(AggregationService, "calculate_weekly_aggregations", fail)
    answer = admin_client.post(url(the("aggregate weekly")))
    [(level, text)] = texts(answer)
    assert (level, "disk &lt;b&gt;full&lt;/b&gt;" in text) == ("error", True)
    page = admin_client.get(answer.url).content.decode()
    assert "disk &lt;b&gt;full&lt;/b&gt;" in page and "<b>full" not in page
    assert answer.url == session_page(SyncSession.objects.get())


def test_switched_off_aggregation_is_one_warning(admin_client, fleet, several, settings):
    settings.WHALEFALL_AGGREGATION_ENABLED = False
    answer = admin_client.post(url(several))
    [(level, text)] = texts(answer)
    assert (level, "WHALEFALL_AGGREGATION_ENABLED" in text) == ("warning", True)
    assert admin_client.get(url(several)).url == schedule_url(several)
    assert not SyncSession.objects.exists()
    assert not LogEntry.objects.exists()


def test_it_is_in_the_history_of_the_schedule_and_of_the_session(admin_client, admin_user, computed):
    admin_client.post(url(the("aggregate weekly")))
    said = [(entry.object_repr, entry.user, entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")]
    assert said[0][1:] == (admin_user, "Run now. WhaleFall: aggregate weekly")
    assert said[1] == ("WhaleFall: aggregate weekly", admin_user, "Run now.")
    assert "Run now." in admin_client.get(schedule_url(the("aggregate weekly"), "history")).content.decode()


@pytest.mark.parametrize("name", ["purge", "fail dead sessions"])
def test_housekeeping_is_not_run_from_here(admin_client, name):
    assert admin_client.post(url(the(name))).status_code == 403
    assert "run-now" not in admin_client.get(schedule_url(the(name))).content.decode()


@pytest.mark.parametrize("kwargs", ["nonsense", '{"periods": ["hourly"]}'])
def test_a_schedule_whose_arguments_make_no_sense_is_not_run(admin_client, kwargs):
    PeriodicTask.objects.filter(name="WhaleFall: aggregate weekly").update(kwargs=kwargs)
    assert admin_client.post(url(the("aggregate weekly"))).status_code == 403


def test_one_that_is_deleted_meanwhile_is_refused(admin_client):
    gone = the("collect")
    PeriodicTask.objects.filter(pk=gone.pk).delete()
    assert admin_client.post(reverse("admin:capacity_schedule_run_now", args=[gone.pk])).status_code == 403


@pytest.mark.parametrize(
    ("codenames", "allowed"),
    [
        (["view_periodictask", "trigger_aggregation"], True),
        (["view_periodictask"], False),
        (["view_periodictask", "change_periodictask"], False),
        (["trigger_aggregation"], False),
    ],
)
def test_who_may_run_it(client, django_user_model, fleet, codenames, allowed):
    user = django_user_model.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    answer = client.post(url(the("aggregate weekly")))
    assert (answer.status_code, SyncSession.objects.exists()) == ((302, True) if allowed else (403, False))
    if allowed:  # but not look at sessions
        assert answer.url == schedule_url(the("aggregate weekly"))
        assert "run-now" in client.get(answer.url).content.decode()

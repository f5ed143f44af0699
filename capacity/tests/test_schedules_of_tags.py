"""Schedules that are restricted to tags: what their tasks do, what is said of them, and what the dashboard shows."""

import json
from datetime import time

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from capacity import tasks
from capacity.models import AlertRule, Schedule, StalePeriod, Tag
from capacity.scheduling.job import What
from capacity.scheduling.overview import overviews
from capacity.scheduling.store import save_schedule
from capacity.scheduling.times import When
from capacity.tests.admin.staff import history
from capacity.tests.factories import make_instance
from capacity.tests.samples import add_both, instance_rows, mark, the
from capacity.tests.schedules import a_session, loaded, schedule_url, typed
from sync_sessions.models import SyncInstanceRecord, SyncSession

pytestmark = pytest.mark.django_db

ADD = reverse("admin:capacity_schedule_add")
LIST = reverse("admin:capacity_schedule_changelist")
NOW = "2025-06-29T22:00:00Z"  # six in the morning of Monday 30 June in Shanghai
DAY = the("daily", "2025-06-29")


@pytest.fixture(autouse=True)
def _morning():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def fleet():
    """{name: instance}: "a" and "b" have the tag prod, "c" another one; each was measured yesterday."""
    tags = {"a": ["prod"], "b": ["prod", "team:shop"], "c": ["test"]}
    made = {name: make_instance(name, tags=names, host="db") for name, names in tags.items()}
    for one in made.values():
        add_both(one, DAY.start, 100)
        mark(one, DAY)
    return made


def schedule(*tags, job="aggregate", scope="all", name="ours"):
    row = Schedule(name=name)
    save_schedule(row, What(job, ("daily",) if job == "aggregate" else (), scope, tags), When("daily", time(4)))
    return row


def do(row):
    """What beat has a worker do."""
    names = {task.name: task for task in (tasks.run_capacity_aggregation, tasks.refresh_insight)}
    return names[row.task].apply(kwargs=json.loads(row.kwargs)).get()


def instances_of(session):
    return list(session.records.order_by("instance_name").values_list("instance_name", flat=True))


def texts(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_the_form_takes_tags_and_says_so(admin_client, fleet):
    answer = admin_client.post(ADD, typed(tags=["prod", "test"], frequency="daily"))
    assert answer.status_code == 302, answer.context["errors"]
    row = PeriodicTask.objects.get(name="ours")
    assert json.loads(row.kwargs) == {"periods": ["weekly"], "tags": ["prod", "test"]}
    what = "Aggregate: Weekly (Databases and instances); only instances with one of the tags prod, test"
    assert texts(answer)[0].startswith(f"{what}, every day at 04:20")
    assert loaded(admin_client.get(schedule_url(row)))["tags"] == ("prod", "test")


@pytest.mark.parametrize("job", ["collect", "insight", "tables"])
def test_so_do_all_others_that_work_on_instances(admin_client, fleet, job):
    admin_client.post(ADD, typed(job=job, tags=["prod"]))
    assert json.loads(PeriodicTask.objects.get(name="ours").kwargs) == {"tags": ["prod"]}


def test_an_aggregation_computes_what_waits_of_its_instances_alone(fleet):
    assert do(schedule("prod"))["status"] == "completed"
    session = SyncSession.objects.get()
    assert instances_of(session) == ["a", "b"]
    assert (session.sync_type, session.lock_key) == ("scheduled_task", "aggregation:daily")
    assert (session.details["selected"], session.details["tags"]) == (2, ["prod"])
    assert [row["instance_id"] for row in instance_rows()] == [fleet["a"].pk, fleet["b"].pk]
    assert list(StalePeriod.objects.values_list("instance__name", flat=True)) == ["c"]
    assert do(schedule("prod", name="again"))["status"] == "skipped"


def test_of_one_level_it_takes_all_of_its_instances(fleet):
    StalePeriod.objects.all().delete()
    do(schedule("team:shop", scope="instance"))
    session = SyncSession.objects.get()
    # One instance alone, and still the run of the schedule.
    assert (instances_of(session), session.lock_key) == (["b"], "aggregation:daily")


def test_forecasts_are_made_of_its_instances_alone(fleet):
    assert do(schedule("prod", job="insight"))["forecasts"] == 4  # of each its database and itself
    assert instances_of(SyncSession.objects.get()) == ["a", "b"]


def test_a_collection_measures_its_instances_alone(fleet, queued, monkeypatch):
    batches = []
    monkeypatch.setattr(tasks.collect_capacity_batch, "delay", lambda *args: batches.append(args))
    result = tasks.collect_capacity.apply(kwargs=json.loads(schedule("test", job="collect").kwargs)).get()
    assert batches == [(result["session_id"], [fleet["c"].pk])]
    assert SyncSession.objects.get().details == {"version": 1, "selected": 1, "tags": ["test"]}


def test_its_last_session_is_its_own_and_that_of_the_fleet_is_not(fleet, queued):
    fleet_wide, ours = schedule(name="fleet"), schedule("prod")
    others = a_session("aggregation:daily")
    do(ours)
    mine = SyncSession.objects.exclude(pk=others.pk).get()
    a_session("aggregation:daily")
    found = [one.session for one in overviews([ours, fleet_wide], timezone.now())]
    assert found[0] == mine
    assert found[1] not in (mine, None)


@pytest.mark.parametrize("gone", ["deleted", "renamed"])
def test_a_tag_that_is_gone_is_told_and_never_means_the_whole_fleet(admin_client, fleet, gone):
    row, prod = schedule("prod"), Tag.objects.filter(name="prod")
    prod.delete() if gone == "deleted" else prod.update(name="production")
    told = "There is no tag named prod, so it does nothing: choose another one."
    assert told in admin_client.get(LIST).content.decode()
    assert (do(row)["status"], do(row)["message"]) == ("failed", "There is no tag named prod.")
    assert not SyncSession.objects.exists()
    page = admin_client.get(schedule_url(row))
    refused = admin_client.post(schedule_url(row), loaded(page))
    assert refused.context["adminform"].form.errors == {"tags": ["There is no tag named prod."]}
    answer = admin_client.post(schedule_url(row, "run_now"))
    assert texts(answer) == ["There is no tag named prod."]
    assert not SyncSession.objects.exists()


def test_run_now_does_the_same(admin_client, fleet):
    row = schedule("prod")
    question = admin_client.get(schedule_url(row, "run_now")).content.decode()
    assert "June 29, 2025" in question
    admin_client.post(schedule_url(row, "run_now"))
    session = SyncSession.objects.get()
    assert (instances_of(session), session.details["tags"]) == (["a", "b"], ["prod"])


def test_run_now_of_several_periods_does_the_same(admin_client, fleet):
    before = the("daily", "2025-06-28")
    for one in fleet.values():
        add_both(one, before.start, 90)
        mark(one, before)
    admin_client.post(schedule_url(schedule("prod"), "run_now"))
    assert [instances_of(one) for one in SyncSession.objects.all()] == [["a", "b"], ["a", "b"]]
    assert SyncInstanceRecord.objects.filter(status="completed").count() == 4


def test_the_run_log_says_which_tags(admin_client, fleet):
    do(schedule("prod"))
    page = admin_client.get(reverse("admin:sync_sessions_syncsession_changelist")).content.decode()
    assert "Scheduled (prod)" in page


def test_the_dashboard_shows_it_beside_those_of_the_fleet(admin_client, fleet, queued):
    PeriodicTask.objects.all().delete()
    do(schedule("prod", name="Production every night"))
    lines = admin_client.get(reverse("admin:index")).context["dashboard"]["runs"]
    found = {line["label"]: line["run"] and line["run"]["counts"] for line in lines}
    assert found["Production every night"] == "2 done"
    # That no daily run was over the fleet is no news: no schedule does that.
    assert "Daily" not in found
    assert found["Weekly"] is None


def test_the_dashboard_says_when_it_did_not_come(admin_client, fleet, queued):
    PeriodicTask.objects.all().delete()
    row = schedule("prod", job="collect")
    PeriodicTask.objects.filter(pk=row.pk).update(date_changed="2025-06-01T00:00:00Z")
    a_session("capacity:collection")  # of the fleet: nothing of this schedule
    [missed] = admin_client.get(reverse("admin:index")).context["dashboard"]["missed"]
    assert missed["name"] == "ours"


def test_a_tag_that_is_renamed_is_renamed_in_its_schedules(admin_client, fleet):
    ours, fleetwide, other = schedule("prod", "test"), schedule(name="fleet"), schedule("test", name="other")
    PeriodicTask.objects.filter(pk=other.pk).update(kwargs="no JSON")
    one = Tag.objects.get(name="prod")
    answer = admin_client.post(reverse("admin:capacity_tag_change", args=[one.pk]), {"name": "env:prod"})
    assert texts(answer)[0] == "1 schedule names the tag as it is called now: ours."
    kept = [json.loads(PeriodicTask.objects.get(pk=row.pk).kwargs) for row in (ours, fleetwide)]
    assert kept == [{"periods": ["daily"], "tags": ["env:prod", "test"]}, {"periods": ["daily"]}]
    assert PeriodicTask.objects.get(pk=other.pk).kwargs == "no JSON"
    ours.refresh_from_db()
    assert do(ours)["status"] == "completed"
    assert instances_of(SyncSession.objects.get()) == ["a", "b", "c"]
    assert (str(ours.pk), "Changed Tags.") in history()


def test_the_api_renames_it_there_as_well_and_beat_is_told(client_with, fleet):
    ours = schedule("prod")
    told = PeriodicTasks.last_change()
    with time_machine.travel("2025-06-29T23:00:00Z", tick=False):
        api = client_with("view_tag", "change_tag")
        answer = api.patch(f"/api/v1/tags/{Tag.objects.get(name='prod').pk}/", {"name": "env:prod"})
    assert answer.json()["instance_count"] == 2
    ours.refresh_from_db()
    assert json.loads(ours.kwargs)["tags"] == ["env:prod"]
    assert PeriodicTasks.last_change() > told


def test_a_rule_that_names_a_renamed_tag_goes_on(admin_client, fleet):
    rule = AlertRule.objects.create(name="large", kind="size_over")
    one = Tag.objects.get(name="prod")
    rule.tags.add(one)
    admin_client.post(reverse("admin:capacity_tag_change", args=[one.pk]), {"name": "env:prod"})
    assert [tag.name for tag in rule.tags.all()] == ["env:prod"]

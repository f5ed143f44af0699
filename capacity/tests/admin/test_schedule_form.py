"""The form of a schedule: what it shows, takes, refuses and writes."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.db import DatabaseError
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from capacity.periods import PERIODS
from capacity.tests.schedules import AGGREGATE, crontab_fields, crontabs, loaded, schedule_url, the, typed

from .staff import logged_in

pytestmark = pytest.mark.django_db

LIST, ADD = reverse("admin:capacity_schedule_changelist"), reverse("admin:capacity_schedule_add")
DEFAULTS = ["collect", "purge", *(f"aggregate {period}" for period in PERIODS)]


def texts(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def stored(name="ours"):
    task = PeriodicTask.objects.get(name=name)
    return task.task, json.loads(task.kwargs), crontab_fields(task.crontab), task.enabled


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_loads_into_the_form_and_saving_it_unchanged_changes_nothing(admin_client, name):
    def rows():
        return list(PeriodicTask.objects.order_by("pk").values()), list(CrontabSchedule.objects.values())

    page, before = admin_client.get(schedule_url(the(name))), rows()
    answer = admin_client.post(schedule_url(the(name)), loaded(page))
    assert (answer.status_code, rows()) == (302, before)


def test_the_form_shows_the_sentence_the_next_five_runs_and_what_each_computes(admin_client):
    page = admin_client.get(schedule_url(the("aggregate weekly")))
    panel = page.context["panel"]
    assert panel["sentence"] == ("Aggregate: Weekly (Databases and instances), every Monday at 04:20, Asia/Shanghai.")
    assert len(panel["rows"]) == 5
    html = page.content.decode()
    for row in panel["rows"]:
        assert row["at"].startswith("Mon, ")
        assert row["at"] in html
        [period] = row["periods"]
        assert period.startswith("Weekly: ")
        assert period in html


SAVED = [
    ({}, AGGREGATE, {"periods": ["weekly"]}, "20 4 1 * *"),
    (
        {"periods": ["monthly", "daily"], "scope": "instance", "frequency": "daily", "at": "00:00"},
        AGGREGATE,
        {"periods": ["daily", "monthly"], "scope": "instance"},
        "0 0 * * *",
    ),
    ({"job": "collect", "weekdays": ["7", "3"]}, "capacity.collect_capacity", {}, "20 4 0,3 * *"),
    (
        {"job": "collect", "periods": None, "scope": "nonsense", "frequency": "monthly", "day": "28"},
        "capacity.collect_capacity",
        {},
        "20 4 * 28 *",
    ),
    (
        {"frequency": "quarterly", "month": "3", "day": "15", "weekdays": None},
        AGGREGATE,
        {"periods": ["weekly"]},
        "20 4 * 15 3,6,9,12",
    ),
    # What the browser hides does not matter.
    (
        {"frequency": "daily", "day": "31", "month": "x"},
        AGGREGATE,
        {"periods": ["weekly"]},
        "20 4 * * *",
    ),
    (
        {"frequency": "daily", "day": "", "month": None},
        AGGREGATE,
        {"periods": ["weekly"]},
        "20 4 * * *",
    ),
]


@pytest.mark.parametrize(("changes", "task", "kwargs", "crontab"), SAVED)
def test_what_is_filled_in_is_written(admin_client, changes, task, kwargs, crontab):
    answer = admin_client.post(ADD, typed(**changes))
    assert answer.status_code == 302, answer.context["errors"]
    assert stored() == (task, kwargs, crontab, True)
    assert loaded(admin_client.get(schedule_url(PeriodicTask.objects.get(name="ours"))))["frequency"] == (
        changes.get("frequency", "weekly")
    )


def test_the_message_says_the_sentence_and_the_next_run(admin_client):
    [text, _saved] = texts(admin_client.post(ADD, typed(job="collect", frequency="daily")))
    assert text.startswith("Collect from every active instance that has a host, every day at 04:20, Asia/Shanghai. ")
    assert "Next run: " in text
    assert text.endswith("(Asia/Shanghai).")
    text = texts(admin_client.post(ADD, typed(name="off", job="collect", enabled=None)))[2]
    assert text.endswith("It is off.")
    assert not PeriodicTask.objects.get(name="off").enabled


REFUSED = [
    ({"job": None}, "job", "Choose what it does."),
    ({"job": "purge"}, "job", "Select a valid choice. purge is not one of the available choices."),
    ({"periods": None}, "periods", "Choose at least one period."),
    ({"periods": ["hourly"]}, "periods", "Select a valid choice. hourly is not one of the available choices."),
    ({"scope": "fleet"}, "scope", "Select a valid choice. fleet is not one of the available choices."),
    ({"frequency": None}, "frequency", "Choose when it runs."),
    ({"weekdays": None}, "weekdays", "Choose at least one day of the week."),
    ({"weekdays": ["8"]}, "weekdays", "Select a valid choice. 8 is not one of the available choices."),
    ({"frequency": "monthly", "day": "31"}, "day", "Give a day from 1 to 28: every month has those."),
    ({"frequency": "monthly", "day": "0"}, "day", "Give a day from 1 to 28: every month has those."),
    ({"frequency": "monthly", "day": ""}, "day", "Give a day from 1 to 28: every month has those."),
    ({"frequency": "quarterly", "day": "x"}, "day", "Give a day from 1 to 28: every month has those."),
    (
        {"frequency": "quarterly", "month": "4"},
        "month",
        "Select a valid choice. 4 is not one of the available choices.",
    ),
    ({"at": ""}, "at", "Give a time such as 04:20."),
    ({"at": "25:00"}, "at", "Give a time such as 04:20."),
    ({"name": ""}, "name", "This field is required."),
    ({"name": "WhaleFall: purge"}, "name", "Another schedule has this name: choose a new one."),
]


@pytest.mark.parametrize(("changes", "field", "sentence"), REFUSED)
def test_what_cannot_be_is_refused_with_a_sentence_at_its_field(admin_client, changes, field, sentence):
    before = PeriodicTask.objects.count(), CrontabSchedule.objects.count()
    page = admin_client.post(ADD, typed(**changes))
    assert page.context["adminform"].form.errors == {field: [sentence]}
    assert sentence in page.content.decode()
    assert (PeriodicTask.objects.count(), CrontabSchedule.objects.count()) == before


def test_a_preview_shows_the_runs_and_saves_nothing(admin_client):
    page = admin_client.post(ADD, typed(_preview="1", scope="instance", periods=["daily"]))
    html = page.content.decode()
    assert "Not saved yet." in html
    assert "Aggregate: Daily (Instances), every Monday at 04:20, Asia/Shanghai." in html
    assert "the ones between two runs are left out" in html
    assert "Please correct the error" not in html
    assert len(page.context["panel"]["rows"]) == 5
    assert not PeriodicTask.objects.filter(name="ours").exists()
    weekly = the("aggregate weekly")
    data = loaded(admin_client.get(schedule_url(weekly))) | {"at": "06:00", "_preview": "1"}
    assert "every Monday at 06:00" in admin_client.post(schedule_url(weekly), data).content.decode()
    assert the("aggregate weekly").crontab.hour == "4"


def test_a_preview_needs_no_name_and_saving_does(admin_client):
    assert "Not saved yet." in admin_client.post(ADD, typed(name="", _preview="1")).content.decode()
    assert admin_client.post(ADD, typed(name="")).context["errors"]


def test_a_preview_of_what_cannot_be_shows_the_errors(admin_client):
    page = admin_client.post(ADD, typed(_preview="1", periods=None))
    assert page.context["panel"] is None
    assert "Choose at least one period." in page.content.decode()


def test_an_edit_is_written_and_in_the_history(admin_client):
    weekly = the("aggregate weekly")
    data = loaded(admin_client.get(schedule_url(weekly))) | {
        "periods": ["weekly", "monthly"],
        "weekdays": ["2"],
        "at": "05:00",
    }
    assert admin_client.post(schedule_url(weekly), data).status_code == 302
    assert stored("WhaleFall: aggregate weekly") == (
        AGGREGATE,
        {"periods": ["weekly", "monthly"]},
        "0 5 2 * *",
        True,
    )
    assert LogEntry.objects.get().get_change_message() == "Changed Periods, Days of the week and Time."


def test_a_default_keeps_its_name_and_what_it_does(admin_client):
    weekly = the("aggregate weekly")
    data = loaded(admin_client.get(schedule_url(weekly))) | {"name": "mine", "job": "collect", "at": "05:00"}
    admin_client.post(schedule_url(weekly), data)
    assert stored("WhaleFall: aggregate weekly")[:2] == (AGGREGATE, {"periods": ["weekly"]})
    assert the("aggregate weekly").crontab.hour == "5"


def test_one_of_our_own_is_renamed_and_deleted_with_its_crontab(admin_client):
    admin_client.post(ADD, typed(at="01:01"))
    ours = PeriodicTask.objects.get(name="ours")
    admin_client.post(schedule_url(ours), typed(name="mine", at="01:01"))
    assert crontabs()["1 1 1 * *"] == 1
    assert admin_client.post(schedule_url(ours, "delete"), {"post": "yes"}).status_code == 302
    assert not PeriodicTask.objects.filter(name="mine").exists()
    assert "1 1 1 * *" not in crontabs()
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")] == ["Added.", "Changed Name.", ""]


def test_before_a_default_is_deleted_one_is_told_that_it_comes_back(admin_client):
    admin_client.post(ADD, typed())
    ours, purge, collect = PeriodicTask.objects.get(name="ours"), the("purge"), the("collect")

    def asked(*schedules):
        data = {"action": "delete_selected", "_selected_action": [one.pk for one in schedules]}
        return admin_client.post(reverse("admin:capacity_schedule_changelist"), data).content.decode()

    assert "install_schedules" not in admin_client.get(schedule_url(ours, "delete")).content.decode()
    assert "WhaleFall: purge is a default schedule" in admin_client.get(schedule_url(purge, "delete")).content.decode()
    assert "WhaleFall: collect, WhaleFall: purge are default schedules" in asked(ours, purge, collect)
    assert "install_schedules" not in asked(ours)
    assert "install_schedules" in asked(ours, purge)
    others = logged_in("view_periodictask", "delete_periodictask").get(schedule_url(purge, "delete")).content.decode()
    assert "WhaleFall: purge is a default schedule: to be rid of it, switch it off instead." in others
    assert "install_schedules" not in others
    answer = admin_client.post(schedule_url(purge, "delete"), {"post": "yes"}, follow=True)
    assert "install_schedules" not in answer.content.decode()


def test_several_are_deleted_from_the_list(admin_client):
    chosen = [the("collect").pk, the("purge").pk, the("forecasts").pk]  # these share a crontab
    data = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert admin_client.post(LIST, data).status_code == 302
    assert not PeriodicTask.objects.filter(pk__in=chosen).exists()
    assert not {"0 3 * * *", "30 5 * * *"} & set(crontabs())


def test_a_write_that_fails_leaves_neither_a_row_nor_a_crontab(admin_client, monkeypatch):
    def fail(*args, **kwargs):
        raise DatabaseError("disk full")

    before = CrontabSchedule.objects.count()
    monkeypatch.setattr(PeriodicTask, "save", fail)
    with pytest.raises(DatabaseError):
        admin_client.post(ADD, typed(at="01:01"))
    assert CrontabSchedule.objects.count() == before

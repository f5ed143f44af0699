"""The list of schedules, and switching them on and off there."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from capacity.models import Schedule
from capacity.tests.schedules import AGGREGATE, a_session, schedule_url, the, typed
from sync_sessions.choices import Service
from sync_sessions.life import give_sign

from .staff import logged_in

pytestmark = pytest.mark.django_db

LIST, ADD = reverse("admin:capacity_schedule_changelist"), reverse("admin:capacity_schedule_add")


def texts(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_the_list_says_what_when_and_how_the_last_run_ended(admin_client):
    session = a_session("aggregation:weekly", 125, "failed")
    PeriodicTask.objects.filter(name="WhaleFall: purge").update(enabled=False)
    html = admin_client.get(LIST).content.decode()
    for text in (
        "Aggregate: Weekly (Databases and instances)",
        "every Monday at 04:20, Asia/Shanghai",
        "on day 1 of January, April, July, October at 05:00, Asia/Shanghai",
        "every minute",
        f'href="/admin/sync_sessions/syncsession/{session.pk}/change/"',
        "2\xa0hours, 5\xa0minutes ago",
        "Failed",
        "none: it is off",
        "leaves none",
    ):
        assert text in html
    assert html.count(" (Asia/Shanghai)\n") + html.count(" (Asia/Shanghai)<") >= 6


def test_the_colour_of_a_state_is_the_same_in_every_language(admin_client):
    PeriodicTask.objects.filter(name="WhaleFall: purge").update(enabled=False)
    for language in ("en", "zh-hans"):
        html = admin_client.get(LIST, headers={"accept-language": language}).content.decode()
        cells = [rest.partition("</td>")[0] for rest in html.split("field-state")[1:]]
        assert sum("bg-green-100" in cell for cell in cells) == 9
        assert sum("bg-orange-100" in cell for cell in cells) == 2  # and that of the report


def test_without_any_the_list_says_how_to_get_the_defaults(admin_client):
    assert "install_schedules" not in admin_client.get(LIST).content.decode()
    PeriodicTask.objects.all().delete()
    page = admin_client.get(LIST)
    command = "`manage.py install_schedules` makes the default schedules that are missing."
    assert texts(page)[0] == f"There is no schedule. {command}"
    assert texts(logged_in("view_periodictask").get(LIST))[0] == "There is no schedule."


def test_without_a_broker_its_pages_say_that_nothing_runs_and_how_to_from_cron(admin_client, admin_user, settings):
    pages = [LIST, ADD, schedule_url(the("collect"))]
    for page in pages:
        [said] = set(texts(admin_client.get(page)))
        assert said.startswith("There is no Redis, so nothing runs these schedules.")
        nightly = ("collect", "aggregate --stale", "insight", "evaluate_alerts", "purge_samples")
        for command in (*nightly, "snapshot_tables", "send_notifications"):
            assert f"`manage.py {command}`" in said
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    client = Client()  # with no message left over
    client.force_login(admin_user, settings.AUTHENTICATION_BACKENDS[-1])
    give_sign(Service.WORKER)
    assert [texts(client.get(page)) for page in pages] == [
        ["Beat has never run: no schedule runs. Start the service whalefall-beat."]
    ] * 3
    give_sign(Service.BEAT)
    assert [texts(client.get(page)) for page in pages] == [[], [], []]


def test_one_that_fired_with_nothing_to_do_has_its_time_beside_the_last_session(admin_client):
    weekly = the("aggregate weekly")
    a_session("aggregation:weekly", 600)
    assert "last fired at" not in admin_client.get(LIST).content.decode()
    PeriodicTask.objects.filter(pk=weekly.pk).update(last_run_at="2026-03-02T20:20:00Z")
    for page in (LIST, schedule_url(weekly)):
        html = admin_client.get(page).content.decode()
        assert "last fired at Tue, March 3, 2026, 4:20 a.m. (Asia/Shanghai)" in html
        assert "10\xa0hours ago" in html


def test_what_celery_keeps_for_itself_is_not_among_them(admin_client):
    cron = CrontabSchedule.objects.create(minute="0", hour="4", timezone="UTC")
    own = PeriodicTask.objects.create(name="celery.backend_cleanup", task="celery.backend_cleanup", crontab=cron)
    assert "celery.backend_cleanup" not in admin_client.get(LIST).content.decode()
    raw = reverse("admin:django_celery_beat_periodictask_change", args=[own.pk])
    assert admin_client.get(raw).status_code == 200
    PeriodicTask.objects.exclude(pk=own.pk).delete()
    assert "There is no schedule" in texts(admin_client.get(LIST))[0]  # there is none to show


def test_rows_that_are_broken_or_not_ours_are_shown_with_a_reason(admin_client):
    cron = CrontabSchedule.objects.create(minute="*/15", timezone="Europe/Berlin")
    never = CrontabSchedule.objects.create(minute="0", hour="0", day_of_month="31", month_of_year="2", timezone="UTC")
    wrong = CrontabSchedule.objects.create(minute="99", timezone="UTC")
    every = IntervalSchedule.objects.create(every=2, period="hours")
    task = AGGREGATE
    for name, fields in {
        "a": {"kwargs": "{'periods': ['daily']}", "crontab": cron},
        "b": {"kwargs": '{"periods": ["hourly"]}', "crontab": cron},
        "c": {"interval": every},
        "d": {"crontab": never},
        "e": {"crontab": wrong},
        "f": {"crontab": cron, "one_off": True},
    }.items():
        PeriodicTask.objects.create(name=f"raw {name}", task=task, **fields)
    PeriodicTask.objects.create(name="elsewhere", task="celery.backend_cleanup", crontab=cron)
    PeriodicTask.objects.filter(name="raw d").update(kwargs="nonsense", crontab=None)
    html = admin_client.get(LIST).content.decode()
    for text in (
        "Its arguments are not JSON: it never runs.",
        "&#x27;hourly&#x27; is not a period type",
        "every 2 hours",
        "never: it has no times",
        "Every 15 minutes: crontab */15 * * * *, Europe/Berlin",
        "Task celery.backend_cleanup",
        "It is no task that this form knows.",
    ):
        assert text in html
    for one in Schedule.objects.exclude(name__startswith="WhaleFall"):
        page = admin_client.get(schedule_url(one))
        assert page.status_code == 200
        assert 'name="_save"' not in page.content.decode()
        assert "So it is shown as it is" in page.content.decode()
        assert admin_client.post(schedule_url(one), typed()).status_code == 403


def test_names_are_escaped_everywhere(admin_client):
    bad = "<img src=x onerror=alert(1)>"
    cron = CrontabSchedule.objects.create(minute="*/15", timezone="Asia/Shanghai")
    raw = PeriodicTask.objects.create(name=bad, task=f"{bad}.task", description=bad, crontab=cron)
    admin_client.post(ADD, typed(name=f"{bad} 2", description=bad))
    ours = PeriodicTask.objects.get(name=f"{bad} 2")
    pages = [LIST, *(schedule_url(one, page) for one in (raw, ours) for page in ("change", "history", "delete"))]
    for page in [*pages, schedule_url(ours, "run_now")]:
        assert bad not in admin_client.get(page).content.decode()


def test_the_list_costs_the_same_for_few_and_for_many(admin_client):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(LIST).status_code == 200
        return len(queries)

    cost()
    few = cost()
    for number in range(12):
        admin_client.post(ADD, typed(name=f"n {number}", at=f"05:{number:02}"))
        a_session("aggregation:weekly")
    assert cost() == few


def test_a_collection_and_a_measuring_of_tables_that_did_not_come_are_hinted_at(admin_client):
    PeriodicTask.objects.update(date_changed=timezone.now() - timedelta(days=9))
    hint = "and did not: check that beat and a worker are running."
    assert admin_client.get(LIST).content.decode().count(hint) == 2
    a_session("capacity:collection")
    assert admin_client.get(LIST).content.decode().count(hint) == 1
    a_session("tables:tables")
    assert hint not in admin_client.get(LIST).content.decode()


def switch(client, action, *names):
    chosen = PeriodicTask.objects.filter(name__in=names).values_list("pk", flat=True)
    return client.post(LIST, {"action": action, "_selected_action": list(chosen)})


def test_schedules_are_switched_off_and_on_and_the_history_says_so(admin_client, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    before = timezone.now() - timedelta(days=1)
    PeriodicTask.objects.update(last_run_at=before)
    answer = switch(admin_client, "disable", "WhaleFall: collect", "WhaleFall: fail dead sessions")
    assert texts(answer) == ["2 schedules switched off. Beat takes it up within 5 seconds."]
    assert set(PeriodicTask.objects.filter(enabled=False).values_list("name", flat=True)) == {
        "WhaleFall: collect",
        "WhaleFall: fail dead sessions",
        "WhaleFall: send the report",
    }
    answer = switch(admin_client, "enable", "WhaleFall: collect", "WhaleFall: purge")
    assert texts(answer)[1:] == ["1 schedule switched on. Beat takes it up within 5 seconds."]
    said = [(entry.object_repr, entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")]
    assert said[-1] == ("WhaleFall: collect", "Changed On.")
    assert len(said) == 3
    assert "Changed On." in admin_client.get(schedule_url(the("collect"), "history")).content.decode()

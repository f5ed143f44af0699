"""The same work asked for more than once: messages, triggers, beats."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from capacity.aggregation.orchestrator import AggregationOrchestrator
from capacity.models import StalePeriod
from capacity.periods import Period, today
from capacity.tests.samples import the
from capacity.tests.servers import HOST, closed_port
from sync_sessions.models import SyncSession

from .conftest import SERVER_ERRORS
from .fleet import FIRST, THIRD, TYPES
from .stack import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

FAULTS = "capacity.runs.faults."


def test_a_message_delivered_twice_is_done_once(stack, fleet, settled, tally):
    stack.worker()
    held = stack.order("begun", f"daily.{THIRD}", "hold")
    for _delivery in range(2):
        stack.aggregate(*TYPES, task_id="delivered-twice")
    wait_until(held.exists, what="the third chunk")
    wait_until(lambda: stack.logged("aggregation.period_skipped", kind="busy"), what="the second to say busy")
    held.unlink()
    settled()
    tally.add("message delivered twice")

    assert SyncSession.objects.count() == len(fleet.stale_at_first)
    assert set(SyncSession.objects.values_list("status", flat=True)) == {"completed"}
    assert stack.logged("aggregation.skipped", task_id="delivered-twice")


def test_a_queued_session_delivered_twice_is_run_once(stack, fleet, settled, tally):
    period = the("daily", "2025-03-31")
    session = AggregationOrchestrator().open(period, "all", sync_type="manual_task", status="pending")
    stack.worker()
    held = stack.order("begun", f"daily.{THIRD}", "hold")
    for _delivery in range(2):
        stack.send("capacity.aggregate_current", "queued", session_id=str(session.session_id))
    wait_until(held.exists, what="the third chunk")
    wait_until(lambda: stack.logged("current_aggregation.duplicate"), what="the second to say so")
    held.unlink()
    stack.aggregate(*TYPES)
    settled()
    tally.add("queued session delivered twice")

    session.refresh_from_db()
    assert (session.status, session.successful_instances) == ("completed", len(fleet.instances))
    assert len(stack.logged("current_aggregation.duplicate", session_id=str(session.session_id))) == 1


def test_a_task_longer_than_the_visibility_timeout_is_done_once(stack, fleet, settled, tally):
    soon = {"broker_transport_options": {"visibility_timeout": 2, "unacked_restore_interval": 1}}
    stack.worker(celery=soon, WHALEFALL_SESSION_LEASE=30, constants={FAULTS + "BUSY_MARGIN_SECONDS": -28})
    held = stack.order("begun", f"daily.{THIRD}", "hold")
    stack.aggregate(*TYPES)
    wait_until(lambda: stack.logged("aggregation.period_skipped", kind="busy"), what="a delivery while it runs")
    held.unlink()
    settled()
    tally.add("task longer than the visibility timeout")

    assert SyncSession.objects.count() == len(fleet.stale_at_first)
    assert set(SyncSession.objects.values_list("status", flat=True)) == {"completed"}


@pytest.fixture
def site(stack, tally):
    """A web server with the product; gives the function that sends a request to it as the superuser."""
    port = closed_port()
    options = ["--bind", f"{HOST}:{port}", "--workers", "2", "--threads", "10", "--access-logfile", "-"]
    development = dict.fromkeys(("DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "WHALEFALL_FIELD_KEYS"), "")
    stack.start(
        "web",
        "gunicorn",
        *options,
        "whalefall.tests.faults.web:application",
        WHALEFALL_SESSION_LEASE=30,
        **development,
    )
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", password="x"))
    token = "0" * 32
    cookies = f"sessionid={client.cookies['sessionid'].value}; csrftoken={token}"

    def request(method, path, body=None, kind="application/json", message=""):
        headers = {"Cookie": f"{cookies}; {message}", "X-CSRFToken": token, "Content-Type": kind}
        with closing(HTTPConnection(HOST, port, timeout=60)) as web:
            web.request(method, path, body, headers)
            answer = web.getresponse()
            tally.saw({SERVER_ERRORS: answer.status >= 500})
            return answer.status, answer.read().decode(), answer.headers.get("Set-Cookie", "").split(";")[0]

    def answers():
        with suppress(OSError):
            return request("GET", "/healthz")[0] == 200

    wait_until(answers, 30, "the site")
    return request


def test_of_twenty_triggers_at_the_same_time_one_runs(stack, site, fleet, tally):
    """Ten by the API, five by the admin action, five tasks; all of them want the daily run of the fleet."""
    stack.worker(WHALEFALL_SESSION_LEASE=30)
    day = Period.containing("daily", today())
    yesterday = [
        StalePeriod(instance=one, period_type="daily", period_start=day.previous().start) for one in fleet.instances
    ]
    StalePeriod.objects.all().delete()
    StalePeriod.objects.bulk_create(yesterday)
    held = stack.order("begun", f"daily.{FIRST}", "hold")
    page = "/admin/capacity/instance/"
    selected = "&".join(f"_selected_action={one.pk}" for one in fleet.instances)
    form = f"action=aggregate_current_period&scope=all&{selected}"

    def by_api():
        status, text, _cookie = site("POST", "/api/v1/capacity/aggregations/current/", "{}")
        return status, text

    def by_admin():
        status, _text, message = site("POST", page, form, "application/x-www-form-urlencoded")
        return status, site("GET", page, message=message)[1]

    def busy_tasks():
        return len(stack.logged("aggregation.period_skipped", kind="busy"))

    with ThreadPoolExecutor(15) as pool:
        asked = [pool.submit(trigger) for trigger in [by_api] * 10 + [by_admin] * 5]
        for _n in range(5):
            stack.aggregate("daily")
        wait_until(held.exists, what="one of them to run")
        refused = lambda: sum(one.done() for one in asked) + busy_tasks() >= 19  # noqa: E731
        wait_until(refused, 60, "the nineteen others to be refused")
        held.unlink()
        answers = [one.result() for one in asked]
    wait_until(lambda: not SyncSession.objects.open().exists(), what="the end of the run")
    tally.add("trigger of a run that is under way", 19)

    api = Counter(status for status, _text in answers[:10])
    admin = Counter("A run of the same kind is" in text for _status, text in answers[10:])
    assert {status for status, _text in answers[10:]} == {302}
    assert api[409] + admin[True] + busy_tasks() == 19
    assert api[200] + admin[False] + (5 - busy_tasks()) == 1
    assert SyncSession.objects.get().status == "completed"


def told_to_send(beat):
    return beat.log.read_text().count("Sending due task")


def test_two_beats_make_one_session_per_period(stack, fleet, settled, tally):
    PeriodicTask.objects.all().delete()
    every = IntervalSchedule.objects.create(every=1, period="seconds")
    for period_type in TYPES:
        PeriodicTask.objects.create(
            name=period_type,
            task="capacity.run_capacity_aggregation",
            interval=every,
            kwargs=f'{{"periods": ["{period_type}"]}}',
        )
    PeriodicTasks.update_changed()
    stack.worker(FAULTS_PAUSE=0.05, WHALEFALL_PARALLEL_CHUNKS=2)
    beats = [stack.beat(), stack.beat()]
    wait_until(lambda: all(told_to_send(beat) >= 2 * len(TYPES) for beat in beats), 40, "both beats to send")
    for beat in beats:
        beat.kill()
    settled()
    tally.add("second beat")

    assert SyncSession.objects.count() == len(fleet.stale_at_first)
    assert set(SyncSession.objects.values_list("status", flat=True)) == {"completed"}

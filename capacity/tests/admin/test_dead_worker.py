"""What the questions before a run say while no worker lives."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from capacity.collection.ingest import Sample, ingest
from capacity.models import Instance
from capacity.tests.factories import make_instance
from capacity.tests.schedules import schedule_url, the
from sync_sessions.choices import Service
from sync_sessions.life import give_sign
from sync_sessions.models import SyncSession
from sync_sessions.services import sync_session_service

from .staff import words

pytestmark = pytest.mark.django_db

SILENT = "No worker has given a sign of life for 10 min"


def of_list(action, **answers):
    def ask(client):
        chosen = {"action": action, "_selected_action": [Instance.objects.get().pk], **answers}
        return client.post(reverse("admin:capacity_instance_changelist"), chosen)

    return ask


def at(page):
    return lambda client: client.get(reverse(f"admin:capacity_{page}"))


RUNS = {
    "run now": lambda client: client.get(schedule_url(the("collect"), "run_now")),
    "collect from the fleet": at("instance_collect_fleet"),
    "aggregate the fleet": at("instance_aggregate_fleet"),
    "aggregate periods of the fleet": at("instance_aggregate_fleet_periods"),
    "compute what is too old": at("schedule_catch_up"),
    "collect from chosen ones": of_list("collect_now"),
    "aggregate chosen ones": of_list("aggregate_current_period"),
    "aggregate periods of chosen ones": of_list("aggregate_periods"),
}


@pytest.mark.parametrize("ask", RUNS.values(), ids=RUNS)
def test_a_question_about_a_run_says_that_it_will_wait(admin_client, silent_worker, ask):
    ingest([Sample(make_instance(host="db").pk, "sales", timezone.now() - timedelta(days=100), 100)])
    said = words(ask(admin_client))
    assert SILENT in said and "what is queued waits. Check the service whalefall-worker." in said
    assert "A worker does it" not in said

    give_sign(Service.WORKER)
    assert "sign of life" not in words(ask(admin_client))


def test_running_again_what_was_cancelled_says_so_too(admin_client, silent_worker):
    make_instance("a")
    of_list("collect_now", confirmed="yes")(admin_client)
    session = SyncSession.objects.get()
    sync_session_service.cancel_session(session)
    assert SILENT in words(admin_client.get(reverse("admin:sync_sessions_syncsession_retry", args=[session.pk])))


def test_what_needs_no_worker_says_nothing_of_it(admin_client, silent_worker):
    make_instance()
    assert "sign of life" not in words(of_list("deactivate")(admin_client))
